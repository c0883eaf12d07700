/**
 * Signature of a manifest: Ed25519 over the exact bytes of model.json, kept beside it as model.json.sig.
 *
 * Why the manifest alone: it names every file by SHA-256, so whoever signs it signs them all. Why beside it: a signature inside would
 * have to be cut out again before it can be checked, and bytes as served are what both sides have.
 *
 * Format: model.json.sig is the base64 of the 64 bytes and a line feed. A public key is the base64 of its 32 bytes, as
 * `createClient({ trustedKeys })` takes it. The private key is a PKCS #8 PEM file that only its owner can read.
 *
 * Not here: the page's check (WebCrypto, in the worker).
 * Source: RFC 8032 (Ed25519), RFC 8410 (PKCS #8), RFC 8037 (raw public key in a JWK).
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { CommandError, UsageError } from '../terminal/command-error.ts';

export const SIGNATURE_FILE = 'model.json.sig';
const SIGNATURE_BYTES = 64;
const PUBLIC_KEY_BYTES = 32;

/**
 * Makes a key pair and writes the private half. A file that is there is never written over: what it signed could not be signed again.
 *
 * @returns The public key.
 */
export async function makeKeyFile(file: string): Promise<string> {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(file, pem, { mode: 0o600, flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'EEXIST' ? 'is there already, and a key is never written over' : `cannot be written (${error.code})`;
    throw new CommandError(`${file} ${reason}. Name another file: --keygen FILE.`);
  });
  return publicKeyOf(privateKey);
}

/** @throws {CommandError} when the file holds no private Ed25519 key. */
export async function readKeyFile(file: string): Promise<KeyObject> {
  const pem = await readFile(file, 'utf8').catch(() => {
    throw new CommandError(`${file} cannot be read. Make a key: insitu pack --keygen FILE.`);
  });
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // Said below: what the reader wanted to know is not why it is no key.
  }
  throw new CommandError(`${file} is no private Ed25519 key (PKCS #8, PEM). Make one: insitu pack --keygen FILE.`);
}

/** Base64 of the 32 bytes. */
export function publicKeyOf(privateKey: KeyObject): string {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url').toString('base64');
}

/** Text of model.json.sig. */
export function signatureText(manifestJson: string, privateKey: KeyObject): string {
  return `${sign(null, Buffer.from(manifestJson), privateKey).toString('base64')}\n`;
}

/** The signature's bytes, or null when the text is none. */
export function parseSignature(text: string): Buffer | null {
  const bytes = Buffer.from(text.trim(), 'base64');
  return bytes.length === SIGNATURE_BYTES && bytes.toString('base64') === text.trim() ? bytes : null;
}

/** @throws {UsageError} when `publicKey` is none. */
export function isSignedBy(publicKey: string, manifestBytes: Uint8Array, signature: Uint8Array): boolean {
  const raw = Buffer.from(publicKey, 'base64');
  if (raw.length !== PUBLIC_KEY_BYTES)
    throw new UsageError(`--key takes the base64 of a public key's ${PUBLIC_KEY_BYTES} bytes, as --keygen prints it.`);
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') }, format: 'jwk' });
  return verify(null, manifestBytes, key, signature);
}
