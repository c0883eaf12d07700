/**
 * Signatures: whether a manifest was signed by a key that the page trusts.
 *
 * A manifest names every file's hash, so its signature covers all the bytes that are run. The signature is 64 bytes of Ed25519
 * over the bytes of `model.json`, in base64, in `model.json.sig` beside it; a trusted key is the raw public key in base64.
 *
 * Invariants
 *  - With trusted keys nothing unsigned runs: no key, no signature, no Ed25519 in this browser each end in `signature-invalid`.
 *  - A stored manifest is proved again at each load: the page's keys may have changed since.
 *
 * Source: RFC 8032; W3C Secure Curves in the Web Cryptography API.
 */
import { SdkError } from '../../protocol/errors.ts';
import type { ServedManifest } from '../../protocol/manifest/served-manifest.ts';

/** @param url As errors may show it. @throws {SdkError} `signature-invalid` */
export async function requireSignature(
  url: string,
  served: ServedManifest,
  signature: string | null,
  trustedKeys: readonly string[],
): Promise<void> {
  const refuse = (reason: string, cause?: unknown) => new SdkError('signature-invalid', { url, reason }, { cause });
  if (signature === null) throw refuse('there is no signature beside it');
  const signatureBytes = fromBase64(signature.trim());
  if (signatureBytes?.length !== 64) throw refuse('its signature is not 64 bytes in base64');
  const signed = typeof served === 'string' ? new TextEncoder().encode(served) : (served as Uint8Array<ArrayBuffer>);
  for (const trusted of trustedKeys) {
    let key: CryptoKey;
    try {
      key = await crypto.subtle.importKey('raw', fromBase64(trusted) ?? new Uint8Array(), 'Ed25519', false, ['verify']);
    } catch (error) {
      const isUnknown = (error as { name?: unknown } | null)?.name === 'NotSupportedError';
      throw refuse(isUnknown ? 'this browser cannot check Ed25519 signatures' : 'a trusted key is not 32 bytes in base64', error);
    }
    if (await crypto.subtle.verify('Ed25519', key, signatureBytes, signed)) return;
  }
  throw refuse('no trusted key made its signature');
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}
