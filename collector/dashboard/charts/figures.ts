/**
 * Figures as a person reads them: milliseconds, percent, whole numbers, a number without a unit, and a name that somebody chose.
 *
 * Invariants
 *  - Whatever the number, the text is short: counts reach 2^53, a tensor's values 1e38. What is no number is a dash.
 *  - Whatever the name, it stays on its line, does not turn round the words beside it, and can be told from nothing.
 */

/** From here on a number is told in short: a tile of a phone has room for nine digits. */
const WHOLE_MAX = 1e9;
/** And from here on with an exponent: there are no words for more. */
const SHORT_MAX = 1e16;
/** Letters of a name beside other words. The middle is left out: versions and shards tell names apart at their ends. */
const NAME_LENGTH_MAX = 48;
const NAME_END_LENGTH = 16;

const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** A cell's id as a reader takes it: "0.03125..0.0625" becomes "0.03–0.06"; other ids stay. */
export function cellLabel(cell: string): string {
  const [lower, upper] = cell.split('..').map(Number) as [number, number?];
  if (upper === undefined || Number.isNaN(lower) || Number.isNaN(upper)) return cell;
  return `${axisNumber(lower)}–${axisNumber(upper)}`;
}

/** An edge or a tick: two or three digits, with an exponent where zeros would be counted. */
export function axisNumber(value: number): string {
  const size = Math.abs(value);
  // The edges of the cell that holds zero are the smallest normal float32.
  if (size < 1e-30) return '0';
  if (size >= 1e5 || size < 1e-3) return value.toExponential(1).replace('.0e', 'e').replace('e+', 'e');
  return String(Number(value.toPrecision(size < 1 ? 2 : 3)));
}

/** A number at a line chart's axis: five letters are all it has room for. */
export function tickNumber(value: number): string {
  if (!Number.isInteger(value)) return axisNumber(value);
  const size = Math.abs(value);
  return size < 1e4 ? value.toLocaleString('en') : size < 1e15 ? short.format(value) : axisNumber(value);
}

export function ms(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  return value < 10 ? `${value.toFixed(1)} ms` : `${whole(Math.round(value))} ms`;
}

/** Of a scale that begins at 1 KiB: what lies below it is told as its first edge. */
export function bytes(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  if (value <= 1024) return '≤ 1 KiB';
  return value < 1e6 ? `${(value / 1e3).toFixed(1)} kB` : `${value < 1e9 ? (value / 1e6).toFixed(1) : whole(value / 1e6)} MB`;
}

export function percent(ratio: number | null): string {
  return ratio === null || !Number.isFinite(ratio) ? '–' : `${(ratio * 100).toFixed(1)} %`;
}

export function whole(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  return size < WHOLE_MAX
    ? value.toLocaleString('en', { maximumFractionDigits: 0 })
    : size < SHORT_MAX
      ? short.format(value)
      : axisNumber(value);
}

export function decimal(value: number | null): string {
  if (value === null || !Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  return size !== 0 && (size >= 1e5 || size < 5e-4) ? value.toExponential(2).replace('e+', 'e') : value.toFixed(3);
}

/** "1 report", "2,000 reports". */
export function counted(count: number, noun: string): string {
  return `${whole(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A name of somebody else's, to stand beside other words: cut, on one line, its direction kept to itself. */
export function nameText(name: string): string {
  const plain = name
    .replace(/[\p{Cc}\u2028\u2029]+/gu, ' ')
    .replace(/[\u202a-\u202e\u2066-\u2069]/g, '')
    .trim();
  // Letters as a reader counts them, so that no emoji is cut in two. Only the ends of a long text are looked at.
  const letters = Array.from(plain.length > 8 * NAME_LENGTH_MAX ? `${plain.slice(0, 200)}…${plain.slice(-100)}` : plain);
  const end = letters.slice(-NAME_END_LENGTH);
  const cut = letters.length <= NAME_LENGTH_MAX ? letters : [...letters.slice(0, NAME_LENGTH_MAX - end.length - 1), '…', ...end];
  const text = cut.join('');
  if (text === '') return '(blank)';
  // Only what may run from right to left, or join its neighbours, is fenced in: all else reads and compares as it is written.
  return /[^\u0020-\u02ff…]/.test(text) ? `\u2068${text}\u2069` : text;
}
