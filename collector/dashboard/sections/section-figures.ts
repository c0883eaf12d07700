/**
 * A section's figures: places that stay while their charts are drawn anew, and tables with a line over time in each row.
 *
 * Invariants
 *  - A figure that is asked for again under its key is the same element: focus, cursor and what was opened stay.
 *  - One that is not asked for any more goes.
 */
import { element } from '../../../site/element.ts';
import { csvButton, csvName } from '../charts/csv.ts';
import { drawSparkline, type SparkContent } from '../charts/sparkline.ts';
import { timeOfFile } from '../charts/time-text.ts';

const placed = new WeakMap<HTMLElement, Map<string, HTMLElement>>();

export class Figures {
  private readonly place: HTMLElement;
  private readonly before: Map<string, HTMLElement>;
  private readonly now = new Map<string, HTMLElement>();

  constructor(place: HTMLElement) {
    this.place = place;
    this.before = placed.get(place) ?? new Map();
  }

  /** A chart's place under a caption. */
  chart(key: string, caption: string, note: string | null = null): HTMLElement {
    const figure = this.keep(key, () =>
      element('figure', {}, element('figcaption'), element('div', { class: 'plot' }), element('p', { class: 'muted figures note-text' })),
    );
    const [title, plot, text] = Array.from(figure.children) as [HTMLElement, HTMLElement, HTMLElement];
    if (title.textContent !== caption) title.textContent = caption;
    if (text.textContent !== (note ?? '')) text.textContent = note ?? '';
    text.hidden = note === null;
    return plot;
  }

  /** A place of the section's own, as wide as it is, or as a chart. */
  block(key: string, width: 'whole' | 'chart' = 'whole'): HTMLElement {
    return this.keep(key, () => element('div', { class: `block ${width}` }));
  }

  text(key: string, text: string): void {
    const place = this.keep(key, () => element('p', { class: 'muted' }));
    if (place.textContent !== text) place.textContent = text;
  }

  /** @returns Whether anything is there. */
  done(): boolean {
    const wanted = [...this.now.values()];
    const there = Array.from(this.place.children);
    if (wanted.length !== there.length || wanted.some((figure, index) => there[index] !== figure)) this.place.replaceChildren(...wanted);
    placed.set(this.place, this.now);
    return wanted.length > 0;
  }

  private keep(key: string, make: () => HTMLElement): HTMLElement {
    const kept = this.now.get(key) ?? this.before.get(key) ?? make();
    this.now.set(key, kept);
    return kept;
  }
}

export interface SparkRow {
  /** First column; unlike those of all other rows. */
  readonly name: string;
  readonly texts: readonly string[];
  readonly spark: SparkContent;
}

interface SparkTable {
  /** Of the name, the texts and the line. */
  readonly titles: readonly string[];
  readonly rows: readonly SparkRow[];
  readonly file: readonly string[];
  /** For those who do not see what it stands under. */
  readonly label: string;
}

const drawn = new WeakMap<HTMLElement, { readonly form: string; readonly cells: readonly HTMLElement[][]; content: SparkTable }>();

/** A table whose last column is a line over time. Its file has the lines' values, a column for each row. */
export function drawSparkTable(place: HTMLElement, content: SparkTable): void {
  const { titles, rows, label } = content;
  const form = JSON.stringify([titles, rows.map(({ name }) => name)]);
  let known = drawn.get(place);
  if (known?.form !== form) {
    const cells = rows.map(() => [
      ...titles.slice(0, -1).map((_, index) => element('td', { class: index > 0 ? 'number' : null })),
      element('td'),
    ]);
    const head = element(
      'tr',
      {},
      ...titles.map((title, at) => element('th', { class: at > 0 && at < titles.length - 1 ? 'number' : null }, title)),
    );
    const body = element('tbody', {}, ...cells.map((row) => element('tr', {}, ...row)));
    const csv = csvButton(label, () => csvOf(drawn.get(place)?.content ?? content));
    const whole = element('table', {}, element('thead', {}, head), body);
    place.replaceChildren(element('div', { class: 'scroll' }, whole), element('div', { class: 'chart-foot' }, element('span'), csv));
    known = { form, cells, content };
    drawn.set(place, known);
  }
  known.content = content;
  for (const [at, { name, texts, spark }] of rows.entries()) {
    const row = known.cells[at] ?? [];
    for (const [column, text] of [name, ...texts].entries()) if (row[column] !== undefined) row[column].textContent = text;
    const last = row.at(-1);
    if (last !== undefined) drawSparkline(last, spark);
  }
}

function csvOf({ rows, file }: SparkTable) {
  const times = rows[0]?.spark.times ?? [];
  const table = () => ({
    titles: ['time', ...rows.map(({ name }) => name)],
    rows: times.map((time, slot) => [timeOfFile(time * 1000), ...rows.map(({ spark }) => spark.values[slot] ?? null)]),
  });
  return { name: csvName(file), table };
}
