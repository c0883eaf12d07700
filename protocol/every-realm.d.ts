/** What every realm has and ES2023 does not name: page, worker, service worker and Node. No realm's own library is loaded where this is. */
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array): string;
}
declare class TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
declare const crypto: {
  readonly subtle: { digest(algorithm: 'SHA-256', content: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> };
};
declare function setTimeout(ring: () => void, ms: number): { readonly timer: unique symbol };
declare function clearTimeout(timer: ReturnType<typeof setTimeout> | undefined): void;
declare const performance: { now(): number };

declare class DOMException extends Error {
  constructor(message: string, name: string);
}
