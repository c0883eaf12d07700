/**
 * Heat map: how a metric's shares moved over time, a column for each slot, beside the baselines it may be held against. Or any other columns
 * that stand side by side, such as segments.
 *
 * Invariants
 *  - Colour is a share of its column, so that a busy hour and a quiet one can be compared. The ramp is one hue by lightness.
 *  - A column in which nothing was counted is left blank: that is not the colour of 0 %.
 *  - However many slots there are, a column is COLUMN_PX_MIN wide: neighbours are added up. The file has each slot.
 *
 * Not here: which cells share a row (heat-rows.ts).
 */
import { element, table } from '../../../site/element.ts';
import { type ChartFrame, type CursorAt, frameOf } from './chart-frame.ts';
import type { CsvTable } from './csv.ts';
import { percent, whole } from './figures.ts';
import type { HeatRow } from './heat-rows.ts';
import { keepDrawn } from './redraw.ts';
import { timeOfFile, timeText, timeTicks } from './time-text.ts';

export interface HeatColumn {
  /** Stands for the column in words and files. */
  readonly name: string;
  /** Counts by row, from the bottom up. */
  readonly sums: readonly number[];
}

interface HeatSlot {
  readonly fromMs: number;
  readonly toMs: number;
  /** Counts by row, from the bottom up. */
  readonly sums: readonly number[];
}

interface HeatContent {
  /** What is shown, for example a metric's name. */
  readonly label: string;
  readonly file: readonly string[];
  readonly rows: readonly HeatRow[];
  /** Over time, without holes, or side by side by name. */
  readonly columns: { readonly slots: readonly HeatSlot[] } | { readonly named: readonly HeatColumn[] };
  /** In front of the columns, with a gap: baselines. */
  readonly beside: readonly HeatColumn[];
}

/** What is drawn as one column. */
interface Drawn {
  readonly name: string;
  readonly sums: readonly number[];
  readonly total: number;
}

const COLUMN_PX_MIN = 2;
const BESIDE_PX = 26;
const GAP_PX = 8;
/** Height of a row, by how many there are. */
const HEIGHT_PX_MAX = 300;
const ROW_PX_MIN = 12;
const ROW_PX_MAX = 24;
const TICK_PX = 62;
/** Of a letter under a column. */
const LETTER_PX = 7;
const RAMP = ['--heat-0', '--heat-1', '--heat-2', '--heat-3', '--heat-4'];

/** A column by row, shares of the column; null where nothing was counted. Pure. */
export function sharesOf({ sums, total }: Pick<Drawn, 'sums' | 'total'>): readonly number[] | null {
  return total === 0 ? null : sums.map((sum) => sum / total);
}

/** Neighbouring slots added up until there are at most `countMax`. Pure. */
export function thinned(slots: readonly HeatSlot[], countMax: number): readonly HeatSlot[] {
  const width = Math.max(1, Math.ceil(slots.length / Math.max(1, countMax)));
  if (width === 1) return slots;
  return Array.from({ length: Math.ceil(slots.length / width) }, (_, index) => {
    const among = slots.slice(index * width, (index + 1) * width);
    const [first, last] = [among[0] as HeatSlot, among.at(-1) as HeatSlot];
    const sums = first.sums.map((_, row) => among.reduce((sum, slot) => sum + (slot.sums[row] ?? 0), 0));
    return { fromMs: first.fromMs, toMs: last.toMs, sums };
  });
}

/** Every slot and row of what is shown, in counts. Pure. */
export function heatTable({ rows, columns, beside }: HeatContent): CsvTable {
  const titles = ['from', 'column', ...rows.map(({ label }) => label)];
  const named = [...beside, ...('named' in columns ? columns.named : [])].map(({ name, sums }) => [null, name, ...sums]);
  const slots = 'slots' in columns ? columns.slots.map(({ fromMs, sums }) => [timeOfFile(fromMs), 'field', ...sums]) : [];
  return { titles, rows: [...named, ...slots] };
}

export function drawHeatMap(place: HTMLElement, content: HeatContent): void {
  const frame = frameOf(place);
  const map = new HeatMap(frame, content);
  keepDrawn(frame.surface, () => map.draw());
  showTable(place, content);
}

class HeatMap {
  private readonly frame: ChartFrame;
  private readonly content: HeatContent;
  private columns: readonly Drawn[] = [];
  private readonly top: number;
  private readonly rowPx: number;
  private width = 0;

  constructor(frame: ChartFrame, content: HeatContent) {
    this.frame = frame;
    this.content = content;
    const { rows } = content;
    this.rowPx = Math.min(ROW_PX_MAX, Math.max(ROW_PX_MIN, Math.floor(HEIGHT_PX_MAX / Math.max(1, rows.length))));
    this.columns = drawnOf(content, Infinity);
    this.top = this.columns.reduce((most, column) => Math.max(most, ...(sharesOf(column) ?? [0])), 1e-9);
  }

  draw(): void {
    const { frame, content } = this;
    const { plot, canvas, cursor } = partsOf(frame.surface);
    labelRows(frame.surface, content.rows, this.rowPx);
    this.width = Math.max(60, plot.clientWidth);
    const room = this.width - this.besidePx;
    this.columns = drawnOf(content, Math.floor(room / COLUMN_PX_MIN));
    const height = this.rowPx * content.rows.length;
    const scale = globalThis.devicePixelRatio || 1;
    Object.assign(canvas, { width: Math.round(this.width * scale), height: Math.round(height * scale) });
    canvas.style.width = `${this.width}px`;
    canvas.style.height = `${height}px`;
    const context = canvas.getContext('2d');
    if (context !== null) {
      context.setTransform(scale, 0, 0, scale, 0, 0);
      this.paint(context, rampOf(canvas));
    }
    this.labelColumns();
    plot.onpointermove = (event) => frame.point(this.atPointer(event, plot));
    plot.onpointerleave = () => frame.point(null);
    frame.show({
      label: `Heat map of ${content.label}`,
      summary: this.summary(),
      file: content.file,
      table: () => heatTable(content),
      ...{ columnCount: this.columns.length, rowCount: content.rows.length },
      sentenceAt: (at) => this.sentenceAt(at),
      pointed: (at) => this.point(cursor, at),
    });
  }

  private get besidePx(): number {
    return this.content.beside.length === 0 ? 0 : this.content.beside.length * BESIDE_PX + GAP_PX;
  }

  /** Left and right end of a column, in pixels. */
  private spanOf(column: number): readonly [left: number, right: number] {
    const { length } = this.content.beside;
    if (column < length) return [column * BESIDE_PX, (column + 1) * BESIDE_PX - 2];
    const step = (this.width - this.besidePx) / Math.max(1, this.columns.length - length);
    const left = this.besidePx + (column - length) * step;
    return [left, left + step];
  }

  private paint(context: CanvasRenderingContext2D, colourOf: (level: number) => string): void {
    const { rows } = this.content;
    const height = rows.length * this.rowPx;
    context.clearRect(0, 0, this.width, height);
    const ground = getComputedStyle(context.canvas).getPropertyValue('--surface');
    context.fillStyle = ground;
    context.fillRect(0, 0, this.besidePx, height);
    for (const [index, column] of this.columns.entries()) {
      const shares = sharesOf(column);
      if (shares === null) continue;
      const [left, right] = this.spanOf(index);
      // Whole pixels, so that no seam shows between columns.
      const [from, to] = [Math.round(left), Math.max(Math.round(left) + 1, Math.round(right))];
      context.fillStyle = ground;
      context.fillRect(from, 0, to - from, height);
      for (const [row, share] of shares.entries()) {
        context.fillStyle = colourOf(Math.sqrt(share / this.top));
        context.fillRect(from, (rows.length - 1 - row) * this.rowPx, to - from, this.rowPx - (this.rowPx > ROW_PX_MIN ? 1 : 0));
      }
    }
  }

  private labelColumns(): void {
    const { axis, key } = partsOf(this.frame.surface);
    const { beside } = this.content;
    const places = this.placesOfNames();
    const ticks = places.map(({ x, text }) => {
      const at = x / this.width;
      const tick = element('span', { class: at < 0.06 ? 'first' : at > 0.94 ? 'last' : null }, text);
      tick.style.setProperty('--at', String(at));
      return tick;
    });
    axis.replaceChildren(...ticks);
    const longest = places.reduce((most, { text }) => Math.max(most, text.length), 0);
    // Names that do not fit side by side stand upright.
    axis.classList.toggle('upright', 'named' in this.content.columns && longest * LETTER_PX > (this.width - this.besidePx) / places.length);
    const before = beside.length === 0 ? '' : ` In front: ${beside.map(({ name }) => name).join(', ')}.`;
    key.replaceChildren('0 %', element('i', { class: 'heat-ramp' }), `${percent(this.top)} of a column.${before}`);
  }

  private placesOfNames(): readonly { readonly x: number; readonly text: string }[] {
    const { columns, beside } = this.content;
    if ('named' in columns) {
      return columns.named.map(({ name }, index) => {
        const [left, right] = this.spanOf(beside.length + index);
        return { x: (left + right) / 2, text: name };
      });
    }
    const [from, to] = [columns.slots[0]?.fromMs ?? 0, columns.slots.at(-1)?.toMs ?? 0];
    const room = this.width - this.besidePx;
    const ticks = timeTicks(from, to, Math.max(2, Math.floor(room / TICK_PX)));
    return ticks.map(({ atMs, text }) => ({ x: this.besidePx + ((atMs - from) / (to - from)) * room, text }));
  }

  private atPointer({ offsetX, offsetY }: PointerEvent, plot: HTMLElement): CursorAt | null {
    const y = Math.floor(offsetY / this.rowPx);
    if (offsetX < 0 || offsetX > plot.clientWidth || y < 0 || y >= this.content.rows.length) return null;
    for (let column = 0; column < this.columns.length; column++) if (offsetX < this.spanOf(column)[1]) return { column, row: y };
    return null;
  }

  private point(cursor: HTMLElement, at: CursorAt | null): void {
    cursor.hidden = at === null;
    if (at === null) return;
    const [left, right] = this.spanOf(at.column);
    const box = { left, top: at.row * this.rowPx, width: Math.max(4, right - left), height: this.rowPx };
    for (const [name, px] of Object.entries(box)) cursor.style.setProperty(name, `${px}px`);
  }

  /** Rows are told from the top. */
  private sentenceAt({ column, row }: CursorAt): string {
    const index = this.content.rows.length - 1 - row;
    const [drawn, cells] = [this.columns[column], this.content.rows[index]];
    if (drawn === undefined || cells === undefined) return this.summary();
    const share = sharesOf(drawn)?.[index];
    if (share === undefined) return `${drawn.name}: nothing counted.`;
    const others = this.columns.slice(0, this.content.beside.length).filter((other) => other !== drawn);
    const besides = others.map((other) => `${other.name} ${percent(sharesOf(other)?.[index] ?? null)}`);
    const counts = `${whole(drawn.sums[index] as number)} of ${whole(drawn.total)}`;
    return [`${drawn.name} · ${cells.label}: ${percent(share)} (${counts})`, ...besides].join(' · ');
  }

  private summary(): string {
    const columns = this.columns.slice(this.content.beside.length);
    const last = columns.findLast(({ total }) => total > 0);
    const shares = last === undefined ? null : sharesOf(last);
    if (last === undefined || shares === null) return 'Nothing was counted in this time.';
    const most = shares.indexOf(Math.max(...shares));
    return `${last.name}: most often ${this.content.rows[most]?.label}, ${percent(shares[most] as number)} of ${whole(last.total)}.`;
  }
}

function drawnOf({ columns, beside }: HeatContent, countMax: number): readonly Drawn[] {
  const of = (name: string, sums: readonly number[]): Drawn => ({ name, sums, total: sums.reduce((sum, count) => sum + count, 0) });
  const main =
    'slots' in columns
      ? thinned(columns.slots, countMax).map(({ fromMs, sums }) => of(timeText(fromMs), sums))
      : columns.named.map(({ name, sums }) => of(name, sums));
  return [...beside.map(({ name, sums }) => of(name, sums)), ...main];
}

interface Parts {
  readonly labels: HTMLElement;
  readonly plot: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly cursor: HTMLElement;
  readonly axis: HTMLElement;
  readonly key: HTMLElement;
}
const parts = new WeakMap<HTMLElement, Parts>();

/** What a heat map is made of, in its frame; made once. */
function partsOf(surface: HTMLElement): Parts {
  const known = parts.get(surface);
  if (known !== undefined) return known;
  const made: Parts = {
    labels: element('div', { class: 'heat-labels figures' }),
    plot: element('div', { class: 'heat-plot' }),
    canvas: element('canvas', { 'aria-hidden': 'true' }),
    cursor: element('div', { class: 'heat-cursor', hidden: true }),
    axis: element('div', { class: 'axis line' }),
    key: element('div', { class: 'heat-key figures' }),
  };
  made.plot.append(made.canvas, made.cursor);
  surface.replaceChildren(
    element('div', { class: 'heat', 'aria-hidden': 'true' }, made.labels, made.plot, element('span'), made.axis),
    made.key,
  );
  parts.set(surface, made);
  return made;
}

/** As many as do not touch each other, from the top. */
function labelRows(surface: HTMLElement, rows: readonly HeatRow[], rowPx: number): void {
  const step = Math.ceil(15 / rowPx);
  const labels = [...rows].reverse().map(({ label }, index) => {
    const made = element('span', { title: label }, index % step === 0 ? label : '');
    made.style.height = `${rowPx}px`;
    made.style.lineHeight = `${rowPx}px`;
    return made;
  });
  partsOf(surface).labels.replaceChildren(...labels);
}

/** Colours between those of the theme. @param level 0 … 1. */
function rampOf(of: HTMLElement): (level: number) => string {
  const style = getComputedStyle(of);
  const stops = RAMP.map((name) => rgbOf(style.getPropertyValue(name)));
  return (level) => {
    const at = Math.min(1, Math.max(0, level)) * (stops.length - 1);
    const [low, high] = [stops[Math.floor(at)] as number[], stops[Math.ceil(at)] as number[]];
    const mixed = low.map((value, channel) => Math.round(value + ((high[channel] as number) - value) * (at % 1)));
    return `rgb(${mixed.join(' ')})`;
  };
}

function rgbOf(hex: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(hex.trim().slice(at, at + 2), 16));
}

/** The newest column and those beside, for those who read tables. Made when it is opened. */
function showTable(place: HTMLElement, content: HeatContent): void {
  const before = place.querySelector<HTMLDetailsElement>(':scope > details');
  const behind =
    before ??
    element(
      'details',
      {},
      element('summary', {}, 'As a table'),
      element('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Table' }),
    );
  const fill = () => {
    const columns = drawnOf(content, 1);
    const titles = [
      'cell',
      ...columns.map(({ name }, index) => ('slots' in content.columns && index === columns.length - 1 ? 'whole time' : name)),
    ];
    const lines = content.rows.map(({ label }, row) => [label, ...columns.map((column) => percent(sharesOf(column)?.[row] ?? null))]);
    behind.querySelector('.scroll')?.replaceChildren(table(titles, lines.reverse()));
  };
  behind.ontoggle = () => {
    if (behind.open) fill();
  };
  if (behind.open) fill();
  if (before === null) place.append(behind);
}
