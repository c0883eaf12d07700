/**
 * Chart frame: what every chart has around its picture. A cursor for pointer and arrow keys, the values under it in words, and a button that
 * gives the data as CSV.
 *
 * Why a slider: screen readers leave the arrow keys to it, and say its value text at every move; an image with keys of its own gets neither.
 *
 * Invariants
 *  - A frame stays when its chart is drawn anew: focus and cursor stay where they were, as far as they still are.
 *  - The line of words under the picture is always there, so nothing jumps when a cursor comes.
 *
 * Not here: the pictures.
 */
import { element } from '../../../site/element.ts';
import { type CsvTable, csvButton, csvName } from './csv.ts';

/** Where a cursor stands: column by column in time, row by row from the top. */
export interface CursorAt {
  readonly column: number;
  readonly row: number;
}

interface FrameContent {
  /** What the picture shows, for those who do not see it. */
  readonly label: string;
  /** Stands under the picture while nothing is pointed at. */
  readonly summary: string;
  /** Parts of the file's name: model, metric, range. */
  readonly file: readonly string[];
  readonly table: () => CsvTable;
  readonly columnCount: number;
  /** 1 where up and down mean nothing. */
  readonly rowCount: number;
  readonly sentenceAt: (at: CursorAt) => string;
  /** Draws the cursor; null: none. */
  readonly pointed: (at: CursorAt | null) => void;
}

/** Columns that a press with Shift passes. */
const STRIDE = 10;

export class ChartFrame {
  /** The picture's place. */
  readonly surface: HTMLElement;
  private readonly readout: HTMLElement;
  private content: FrameContent | null = null;
  private at: CursorAt | null = null;

  constructor(host: HTMLElement) {
    this.surface = element('div', { class: 'chart-surface', role: 'slider', tabindex: 0, 'aria-readonly': 'true', 'aria-valuemin': 0 });
    this.readout = element('p', { class: 'chart-readout figures muted' });
    const csv = csvButton('a chart', () => ({ name: csvName(this.content?.file ?? []), table: () => this.tableOf() }));
    host.classList.add('chart');
    host.replaceChildren(this.surface, element('div', { class: 'chart-foot' }, this.readout, csv));
    this.surface.addEventListener('keydown', (event) => this.pressed(event));
    this.surface.addEventListener('focus', () => {
      if (this.at === null && this.content !== null) this.point({ column: this.content.columnCount - 1, row: 0 });
    });
    this.surface.addEventListener('blur', () => this.point(null));
  }

  show(content: FrameContent): void {
    this.content = content;
    this.surface.setAttribute('aria-label', content.label);
    this.surface.setAttribute('aria-valuemax', String(Math.max(0, content.columnCount * content.rowCount - 1)));
    const csv = this.readout.nextElementSibling;
    csv?.setAttribute('aria-label', `CSV of ${content.label}`);
    this.point(this.at);
  }

  /** From the picture: null where a pointer has left it. */
  point(at: CursorAt | null): void {
    const { content } = this;
    if (content === null) return;
    const isThere = at !== null && content.columnCount > 0 && content.rowCount > 0;
    this.at = isThere ? { column: within(at.column, content.columnCount), row: within(at.row, content.rowCount) } : null;
    const text = this.at === null ? content.summary : content.sentenceAt(this.at);
    if (this.readout.textContent !== text) this.readout.textContent = text;
    this.surface.setAttribute('aria-valuenow', String(this.at === null ? 0 : this.at.column * content.rowCount + this.at.row));
    this.surface.setAttribute('aria-valuetext', text);
    content.pointed(this.at);
  }

  private tableOf(): CsvTable {
    return this.content?.table() ?? { titles: [], rows: [] };
  }

  private pressed(event: KeyboardEvent): void {
    const { content, at } = this;
    if (content === null || event.ctrlKey || event.altKey || event.metaKey) return;
    const { column, row } = at ?? { column: content.columnCount - 1, row: 0 };
    const stride = event.shiftKey ? STRIDE : 1;
    const moves: Readonly<Record<string, CursorAt | null>> = {
      ArrowLeft: { column: column - stride, row },
      ArrowRight: { column: column + stride, row },
      ArrowUp: { column, row: row - stride },
      ArrowDown: { column, row: row + stride },
      Home: { column: 0, row },
      End: { column: content.columnCount - 1, row },
      Escape: null,
    };
    const to = moves[event.key];
    if (to === undefined) return;
    // Up and down scroll the page where they mean nothing here.
    if (content.rowCount === 1 && /^Arrow(Up|Down)$/.test(event.key)) return;
    event.preventDefault();
    this.point(to);
  }
}

const frames = new WeakMap<HTMLElement, ChartFrame>();

/** The frame of that place; the same one until something else is put there. */
export function frameOf(host: HTMLElement): ChartFrame {
  const known = frames.get(host);
  if (known !== undefined && known.surface.parentElement === host) return known;
  const made = new ChartFrame(host);
  frames.set(host, made);
  return made;
}

function within(index: number, count: number): number {
  return Math.min(Math.max(0, index), count - 1);
}
