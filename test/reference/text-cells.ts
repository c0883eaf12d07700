/**
 * Cells of one text: token ids, or the string itself, one code point after the other.
 *
 * Source: Unicode general categories (L, Nd, P) and the Script property, as the engine's regular expressions know them.
 */
import { FINE_AT_ZERO, type Sheet } from './sheet.ts';

/** 0, 1, 2, 3, 4, 6, 8, 12 … 65,536. */
const LENGTH_EDGES = [0, 1];
for (let power = 2; power <= 65_536; power *= 2) LENGTH_EDGES.push(power, power * 1.5);
LENGTH_EDGES.pop();

const SCRIPTS: readonly (readonly [name: string, script: RegExp])[] = [
  ['latin', /^\p{Script=Latin}$/u],
  ['cyrillic', /^\p{Script=Cyrillic}$/u],
  ['greek', /^\p{Script=Greek}$/u],
  ['arabic', /^\p{Script=Arabic}$/u],
  ['hebrew', /^\p{Script=Hebrew}$/u],
  ['devanagari', /^\p{Script=Devanagari}$/u],
  ['han', /^\p{Script=Han}$/u],
  ['kana', /^[\p{Script=Hiragana}\p{Script=Katakana}]$/u],
  ['hangul', /^\p{Script=Hangul}$/u],
  ['thai', /^\p{Script=Thai}$/u],
  ['other', /^\p{L}$/u],
];

export function countTokens(
  sheet: Sheet,
  prefix: string,
  ids: readonly number[],
  text: { readonly pad?: number | undefined; readonly unknown?: number | undefined; readonly lengthMax?: number | undefined },
): void {
  const tokens = ids.filter((id) => id !== text.pad);
  const unknown = tokens.filter((id) => id === text.unknown);
  sheet.addExact(`${prefix}.tokens`, LENGTH_EDGES, tokens.length);
  sheet.addExact(`${prefix}.unknown`, FINE_AT_ZERO, tokens.length === 0 ? 0 : unknown.length / tokens.length);
  if (text.lengthMax !== undefined) sheet.add(`${prefix}.truncated`, tokens.length >= text.lengthMax ? 'yes' : 'no');
}

function dominantScript(points: readonly string[]): string {
  const letters = points.filter((point) => /^\p{L}$/u.test(point));
  let dominant = 'none';
  let most = 0;
  let rest = letters;
  for (const [name, script] of SCRIPTS) {
    const of = rest.filter((letter) => script.test(letter));
    rest = rest.filter((letter) => !script.test(letter));
    if (of.length > most) [dominant, most] = [name, of.length];
  }
  return dominant;
}

export function countString(sheet: Sheet, prefix: string, text: string): void {
  const points = [...text];
  const share = (pattern: RegExp): number =>
    points.length === 0 ? 0 : points.filter((point) => pattern.test(point)).length / points.length;
  sheet.addExact(`${prefix}.length`, LENGTH_EDGES, points.length);
  sheet.add(`${prefix}.script`, dominantScript(points));
  sheet.addExact(`${prefix}.digits`, FINE_AT_ZERO, share(/^\p{Nd}$/u));
  sheet.addExact(`${prefix}.punctuation`, FINE_AT_ZERO, share(/^\p{P}$/u));
}
