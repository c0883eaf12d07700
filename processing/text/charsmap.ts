/**
 * Character maps: the compiled table by which SentencePiece models (T5, XLM-R, ALBERT …) normalise a text.
 *
 * Why the table itself: JavaScript's normal forms resemble the usual ones and are not them, and a table may be anybody's own.
 *
 * Invariants
 *  - Nothing is read outside of the table, whatever its bytes are; one that is none is refused when the tokenizer is opened.
 *
 * Source: spm_precompiled 0.1 (Rust) and tokenizers 0.23, src/normalizers/precompiled.rs; Darts-clone's double array.
 */
import { UnfitError } from '../unfit-error.ts';

/** Graphemes of more bytes are taken letter by letter. */
const GRAPHEME_BYTES_MAX = 5;

/** Browsers and Node have it; the types of this room name neither. */
declare function atob(base64: string): string;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @param base64 Length of the trie in bytes, the trie, and the replacements, each ended by a zero. @throws {UnfitError} */
export function charsmapOf(base64: string): (text: string) => string {
  const bytes = fromBase64(base64);
  const trieBytes = bytes.length < 4 ? 0 : new DataView(bytes.buffer).getUint32(0, true);
  if (trieBytes === 0 || trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length)
    throw new UnfitError('the table of its normalizer Precompiled is none');
  const units = new Uint32Array(bytes.slice(4, 4 + trieBytes).buffer);
  const replacements = bytes.subarray(4 + trieBytes);
  if (Intl.Segmenter === undefined) throw new UnfitError('this browser cannot tell graphemes, which its normalizer Precompiled needs');
  const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });
  const replaced = (piece: Uint8Array): string | null => {
    const at = firstMatch(units, piece);
    if (at === null) return null;
    const end = replacements.indexOf(0, at);
    return decoder.decode(replacements.subarray(at, end < 0 ? replacements.length : end));
  };
  const normalized = (grapheme: string): string => {
    const whole = encoder.encode(grapheme);
    const known = whole.length <= GRAPHEME_BYTES_MAX ? replaced(whole) : null;
    return known ?? Array.from(grapheme, (letter) => replaced(encoder.encode(letter)) ?? letter).join('');
  };
  return (text) => Array.from(graphemes.segment(text), ({ segment }) => normalized(segment)).join('');
}

function fromBase64(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    throw new UnfitError('the table of its normalizer Precompiled is none');
  }
}

const offsetOf = (unit: number): number => (unit >>> 10) << ((unit & 0x200) >>> 6);

/** Where the replacement of the shortest prefix that the trie knows begins; null where it knows none. */
function firstMatch(units: Uint32Array, key: Uint8Array): number | null {
  let node = offsetOf(units[0] as number);
  for (const byte of key) {
    if (byte === 0) return null;
    node ^= byte;
    const unit = units[node];
    if (unit === undefined || (unit & 0x8000_00ff) >>> 0 !== byte) return null;
    node ^= offsetOf(unit);
    const leaf = units[node];
    if ((unit & 0x100) !== 0 && leaf !== undefined) return leaf & 0x7fff_ffff;
  }
  return null;
}
