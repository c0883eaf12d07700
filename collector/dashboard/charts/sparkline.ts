/**
 * Sparkline: a line of a table's row, too small for an axis. Its words say where it begins, ends, and how far it went.
 *
 * Why its own keys: a table of a hundred rows must not be a hundred stops of the Tab key. The sparklines of a table are one stop; up and down
 * go from row to row, left and right along a line.
 *
 * Invariants
 *  - At most PATH_COLUMN_COUNT columns are drawn, however many points there are, and no peak is lost by it.
 *  - A gap in the values is a gap in the line; a value alone between two gaps is a dot.
 *
 * Not here: a table's CSV, which is one for all its rows (csv.ts).
 */
import { element } from '../../../site/element.ts';
import { decimal, whole } from './figures.ts';
import { timeText } from './time-text.ts';

export interface SparkContent {
  /** Seconds since 1970, rising. */
  readonly times: readonly number[];
  /** One for each time; null: unknown. */
  readonly values: readonly (number | null)[];
  /** What the values are. */
  readonly label: string;
}

const WIDTH = 120;
const HEIGHT = 28;
/** So that the line's width and the last dot are inside. */
const MARGIN = 3;
const PATH_COLUMN_COUNT = 60;

interface Point {
  readonly index: number;
  readonly x: number;
  readonly y: number;
}

/** Where each known value lies, in pixels of the picture. Pure. */
export function sparkPoints(times: readonly number[], values: readonly (number | null)[]): readonly Point[] {
  const known = values.flatMap((value, index) => {
    const time = times[index];
    return value === null || time === undefined || !Number.isFinite(value) ? [] : [{ index, value, time }];
  });
  const [from, to] = [times[0] ?? 0, times[Math.min(times.length, values.length) - 1] ?? 0];
  const [low, high] = known.reduce(([least, most], { value }) => [Math.min(least, value), Math.max(most, value)], [Infinity, -Infinity]);
  const [width, height] = [WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN];
  return known.map(({ index, value, time }) => ({
    index,
    x: MARGIN + (to === from ? width : ((time - from) / (to - from)) * width),
    y: MARGIN + (high === low ? height / 2 : (1 - (value - low) / (high - low)) * height),
  }));
}

/** The line as an SVG path. Of the points that share a column the first, the highest, the lowest and the last are drawn. Pure. */
export function sparkPath(points: readonly Point[]): string {
  const has = new Set(points.map(({ index }) => index));
  let before: Point | null = null;
  let path = '';
  for (const point of columnsOf(points).flatMap(outlineOf)) {
    const isJoined = before !== null && isUnbroken(has, before.index, point.index);
    path += `${isJoined ? 'L' : 'M'}${point.x.toFixed(1)} ${point.y.toFixed(1)}`;
    // A line of no length is a dot with round ends.
    if (!isJoined && !has.has(point.index + 1)) path += 'h0.01';
    before = point;
  }
  return path;
}

function columnsOf(points: readonly Point[]): readonly (readonly Point[])[] {
  const columns = new Map<number, Point[]>();
  for (const point of points) {
    const column = Math.floor((point.x / WIDTH) * PATH_COLUMN_COUNT);
    const among = columns.get(column);
    if (among === undefined) columns.set(column, [point]);
    else among.push(point);
  }
  return [...columns.values()];
}

/** In their order. */
function outlineOf(column: readonly Point[]): readonly Point[] {
  const byHeight = [...column].sort((one, other) => one.y - other.y);
  const kept = new Set([column[0], byHeight[0], byHeight.at(-1), column.at(-1)]);
  return column.filter((point) => kept.has(point));
}

function isUnbroken(has: ReadonlySet<number>, from: number, to: number): boolean {
  for (let index = from + 1; index < to; index++) if (!has.has(index)) return false;
  return true;
}

/** What the line says, in words. Pure. */
export function sparkSentence({ label, values }: SparkContent): string {
  const known = values.filter((value) => value !== null);
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined) return `${label}: nothing counted.`;
  const [low, high] = known.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)], [first, first]);
  return `${label}: from ${exact(first)} to ${exact(last)}, lowest ${exact(low)}, highest ${exact(high)}.`;
}

const sparklines = new WeakMap<HTMLElement, Sparkline>();

/** Draws in place of what was there; the cursor stays. */
export function drawSparkline(host: HTMLElement, content: SparkContent): void {
  const known = sparklines.get(host);
  const line = known?.isIn(host) === true ? known : new Sparkline(host);
  sparklines.set(host, line);
  line.draw(content);
}

class Sparkline {
  private readonly surface: HTMLElement;
  private readonly path = svg('path', { class: 'spark-line' });
  private readonly dot = svg('circle', { class: 'spark-dot', r: '2.5' });
  private readonly value = element('span', { class: 'spark-value figures', 'aria-hidden': 'true', hidden: true });
  private content: SparkContent = { times: [], values: [], label: '' };
  private points: readonly Point[] = [];
  /** Among the points; null: none. */
  private at: number | null = null;

  constructor(host: HTMLElement) {
    const picture = svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, width: String(WIDTH), height: String(HEIGHT), 'aria-hidden': 'true' });
    picture.append(this.path, this.dot);
    this.surface = element('div', { class: 'spark', role: 'slider', 'aria-readonly': 'true', 'aria-valuemin': 0, tabindex: -1 });
    this.surface.append(picture, this.value);
    host.replaceChildren(this.surface);
    this.surface.addEventListener('pointermove', ({ offsetX }) => this.point(this.nearest((offsetX / this.surface.clientWidth) * WIDTH)));
    this.surface.addEventListener('pointerleave', () => this.point(null));
    this.surface.addEventListener('focus', () => this.focused());
    this.surface.addEventListener('blur', () => this.point(null));
    this.surface.addEventListener('keydown', (event) => this.pressed(event));
  }

  isIn(host: HTMLElement): boolean {
    return this.surface.parentElement === host;
  }

  draw(content: SparkContent): void {
    this.content = content;
    this.points = sparkPoints(content.times, content.values);
    this.path.setAttribute('d', sparkPath(this.points));
    this.surface.setAttribute('aria-label', sparkSentence(content));
    this.surface.setAttribute('aria-valuemax', String(Math.max(0, this.points.length - 1)));
    const others = this.neighbours();
    if (!others.some(({ tabIndex }) => tabIndex === 0)) (others[0] ?? this.surface).tabIndex = 0;
    this.point(this.at);
  }

  private point(at: number | null): void {
    this.at = at === null || this.points.length === 0 ? null : Math.min(Math.max(0, at), this.points.length - 1);
    const point = this.points[this.at ?? this.points.length - 1];
    this.dot.setAttribute('visibility', point === undefined ? 'hidden' : 'visible');
    this.dot.setAttribute('cx', String(point?.x ?? 0));
    this.dot.setAttribute('cy', String(point?.y ?? 0));
    const { times, values } = this.content;
    const text = point === undefined ? '' : `${exact(values[point.index] as number)} · ${timeText((times[point.index] as number) * 1000)}`;
    this.value.hidden = this.at === null;
    this.value.textContent = text;
    this.surface.setAttribute('aria-valuenow', String(this.at ?? Math.max(0, this.points.length - 1)));
    this.surface.setAttribute('aria-valuetext', text === '' ? 'nothing counted' : text);
  }

  private nearest(x: number): number | null {
    const distances = this.points.map((point) => Math.abs(point.x - x));
    return distances.length === 0 ? null : distances.indexOf(Math.min(...distances));
  }

  /** The sparklines of the same table, in order. */
  private neighbours(): readonly HTMLElement[] {
    return Array.from(this.surface.closest('table')?.querySelectorAll<HTMLElement>('.spark') ?? [this.surface]);
  }

  private focused(): void {
    for (const other of this.neighbours()) other.tabIndex = -1;
    this.surface.tabIndex = 0;
    this.point(this.at ?? this.points.length - 1);
  }

  private pressed(event: KeyboardEvent): void {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const at = this.at ?? this.points.length - 1;
    const along: Readonly<Record<string, number>> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: this.points.length - 1 };
    const to = along[event.key];
    const rows = ['ArrowUp', 'ArrowDown'].indexOf(event.key);
    if (to === undefined && rows === -1) return;
    event.preventDefault();
    if (to !== undefined) this.point(to);
    else nextInColumn(this.surface, rows === 0 ? -1 : 1)?.focus();
  }
}

/** The sparkline above or below, in the same column of the table. */
function nextInColumn(surface: HTMLElement, step: -1 | 1): HTMLElement | null {
  const cell = surface.closest<HTMLTableCellElement>('td, th');
  let row = cell?.parentElement ?? null;
  while (cell !== null && row !== null) {
    row = (step === 1 ? row.nextElementSibling : row.previousElementSibling) as HTMLElement | null;
    const found = (row as HTMLTableRowElement | null)?.cells[cell.cellIndex]?.querySelector<HTMLElement>('.spark');
    if (found !== undefined && found !== null) return found;
  }
  return null;
}

/** Whole numbers whole, others with three digits behind the point. */
function exact(value: number): string {
  return Number.isInteger(value) ? whole(value) : decimal(value);
}

function svg<Tag extends keyof SVGElementTagNameMap>(tag: Tag, attributes: Readonly<Record<string, string>>): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}
