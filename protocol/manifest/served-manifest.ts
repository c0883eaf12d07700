/**
 * A manifest as it is served: its text, the checked manifest in it, and its version.
 *
 * Why one reader: page, collector and command line must agree on what is a manifest and what its version is. An editor's
 * byte-order mark in front of model.json is no reason to refuse it, but it is among the bytes that are hashed and signed.
 *
 * Invariants
 *  - The text is the bytes: a byte-order mark stays in it, and bytes that no text gives back are refused.
 *
 * Not here: what a manifest says (protocol/manifest/manifest.ts).
 */
import { shortSha256Hex } from '../digest.ts';
import { MANIFEST_BYTES_MAX } from '../limits.ts';
import { checkManifest, type Manifest } from './manifest.ts';

/** model.json byte for byte: the bytes, or the text that stands for them. */
export type ServedManifest = string | Uint8Array;

/** First 8 bytes of the SHA-256 of a manifest as served, 16 hex digits. */
export function modelVersionOf(served: ServedManifest): Promise<string> {
  return shortSha256Hex(served);
}

type ManifestReading =
  | { readonly ok: true; readonly manifest: Manifest; readonly text: string }
  | { readonly ok: false; readonly reason: string };

/** The checked manifest, or why it is none: a clause without a full stop that holds nothing of what was served. */
export function readManifest(served: ServedManifest): ManifestReading {
  const bytes = typeof served === 'string' ? new TextEncoder().encode(served) : served;
  if (bytes.length > MANIFEST_BYTES_MAX) return { ok: false, reason: `it has more than ${MANIFEST_BYTES_MAX} bytes` };
  let text = '';
  let json: unknown;
  try {
    text = typeof served === 'string' ? served : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(served);
    json = manifestJsonOf(text);
  } catch (error) {
    if (error instanceof TypeError) return { ok: false, reason: 'it is not text in UTF-8' };
    return { ok: false, reason: text.trimStart().startsWith('<') ? 'it is a web page and not JSON' : 'it is not JSON' };
  }
  const checked = checkManifest(json);
  return checked.ok ? { ...checked, text } : checked;
}

/** What a manifest's text says, unchecked. @throws {SyntaxError} when it is not JSON. */
export function manifestJsonOf(text: string): unknown {
  return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
}
