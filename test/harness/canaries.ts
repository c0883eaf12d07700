/**
 * Canaries: secrets that turn up nowhere by themselves, and files that carry them.
 *
 * Invariants
 *  - Made from a seed: a find can be repeated.
 *  - A text has letters of both cases, digits, a space, a quote and two letters beyond ASCII, never two of those specials
 *    side by side; a `plain` one has letters and digits only, for places that refuse the rest.
 *  - Floats lie in 1 … 15 (a digit image's range) and have seven significant digits that no rounding changes.
 */
import type { Canary } from './canary-search.ts';

const ALPHABET = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789';

/** Numerical Recipes' linear congruential generator; evenly spread is all that is asked of it. */
function generator(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function letters(random: (below: number) => number, count: number): string {
  return Array.from({ length: count }, () => ALPHABET[random(ALPHABET.length)]).join('');
}

export function plainText(seed: number): string {
  return letters(generator(seed), 24);
}

export function richText(seed: number): string {
  const random = generator(seed);
  const [a, b, c, d, e] = Array.from({ length: 5 }, () => letters(random, 6)) as [string, string, string, string, string];
  return `${a}é${b} ${c}"${d}ж${e}`;
}

export function floatTriple(seed: number): readonly [number, number, number] {
  const random = generator(seed);
  // The last digit is never 0 and the eighth is below 5, so that every way to print seven digits prints these.
  const value = () => 1 + random(8) + (random(100_000) * 10 + 1 + random(9)) / 1e6;
  return [value(), value(), value()];
}

const PLACES_OF_TEXT = [
  'url-query',
  'url-fragment',
  'referrer',
  'title',
  'window-name',
  'local-storage',
  'session-storage',
  'history-state',
  'file-name',
  'broken-file-name',
  'image-file-name',
  'exif',
  'feedback-label',
  'input-name',
  'tensor-text',
  'segment',
  'signed-manifest',
  'signed-model',
  'signed-missing',
  'signed-pointer',
] as const;
const PLACES_OF_PLAIN_TEXT = ['cookie'] as const;
export const FLOATS_PER_IMAGE = 6;

export interface Canaries {
  readonly all: readonly Canary[];
  readonly texts: Readonly<Record<(typeof PLACES_OF_TEXT)[number] | (typeof PLACES_OF_PLAIN_TEXT)[number], string>>;
  /** Planted one behind the other in a digit image. */
  readonly floats: readonly number[];
  /** In tensors that are refused, and where dims belong. */
  readonly refusedFloats: readonly number[];
  /** An index far outside of any table: the runtime names it when it fails. */
  readonly index: number;
}

export function plantedCanaries(seed: number): Canaries {
  const texts: Record<string, string> = {};
  const all: Canary[] = [];
  [...PLACES_OF_TEXT, ...PLACES_OF_PLAIN_TEXT].forEach((place, at) => {
    const isPlain = PLACES_OF_PLAIN_TEXT.some((plain) => plain === place);
    texts[place] = (isPlain ? plainText : richText)(seed * 1000 + at);
    all.push({ name: place, text: texts[place] });
  });
  const triples = (name: string, count: number, from: number) =>
    Array.from({ length: count }, (_, at) => {
      const floats = floatTriple(seed * 1000 + from + at);
      all.push({ name: `${name} ${at}`, floats });
      return floats;
    }).flat();
  const floats = triples('input', FLOATS_PER_IMAGE, 100);
  const refusedFloats = triples('refused input', 2, 200);
  const index = 710_000_000 + generator(seed)(9_000_000);
  all.push({ name: 'index', integer: index });
  return { all, texts: texts as Canaries['texts'], floats, refusedFloats, index };
}

/** A JPEG of 8 × 8 pixels with the text in its EXIF. */
export async function imageWithExif(text: string): Promise<Uint8Array> {
  const { default: sharp } = await import('sharp');
  const pixels = Buffer.from(Array.from({ length: 8 * 8 * 3 }, (_, at) => (at * 37) % 256));
  const image = sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } }).withExif({
    IFD0: { Copyright: text, ImageDescription: text },
  });
  return new Uint8Array(await image.jpeg().toBuffer());
}
