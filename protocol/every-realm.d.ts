/** What every realm has and ES2023 does not name: page, worker, service worker and Node. No realm's own library is loaded where this is. */
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array): string;
}
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
/** A key that stays with the realm that made it. */
declare interface HmacKey {
  readonly hmacKey: unique symbol;
}
declare const crypto: {
  readonly subtle: {
    digest(algorithm: 'SHA-256', content: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
    importKey(
      format: 'raw',
      bytes: Uint8Array<ArrayBuffer>,
      algorithm: { readonly name: 'HMAC'; readonly hash: 'SHA-256' },
      isExtractable: false,
      uses: ('sign' | 'verify')[],
    ): Promise<HmacKey>;
    sign(algorithm: 'HMAC', key: HmacKey, content: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
    verify(algorithm: 'HMAC', key: HmacKey, signature: Uint8Array<ArrayBuffer>, content: Uint8Array<ArrayBuffer>): Promise<boolean>;
  };
};
declare function atob(base64: string): string;
declare function btoa(binary: string): string;
declare function setTimeout(ring: () => void, ms: number): { readonly timer: unique symbol };
declare function clearTimeout(timer: ReturnType<typeof setTimeout> | undefined): void;
declare const performance: { now(): number };

declare class DOMException extends Error {
  constructor(message: string, name: string);
}
