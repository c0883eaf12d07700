/**
 * Incident axis: incidents as bars over time, releases and re-basings as marks, so that what changed stands above what was shipped.
 *
 * Invariants
 *  - Bars and marks are one stop of the Tab key; the arrow keys go through them in the order of time, and a bar is a link.
 *  - Bars do not cover each other. At most LANE_COUNT_MAX lie one above the other; the table behind has them all.
 *  - An incident that goes on reaches to the end of the axis, and one that began before it, from its beginning.
 *
 * Not here: what an incident is, where its link leads.
 */
import { element, table } from '../../../site/element.ts';
import { type CsvTable, csvButton, csvName } from './csv.ts';
import { counted } from './figures.ts';
import { lengthText, timeOfFile, timeText, timeTicks } from './time-text.ts';

export interface AxisIncident {
  readonly id: string;
  readonly label: string;
  readonly fromMs: number;
  /** null: it goes on. */
  readonly toMs: number | null;
  /** In a word, for example "open", "recovering", "closed". */
  readonly state: string;
  readonly href: string;
}

interface AxisMark {
  readonly atMs: number;
  readonly label: string;
  /** In a word, for example "release", "rebase". */
  readonly kind: string;
}

interface AxisContent {
  readonly fromMs: number;
  readonly toMs: number;
  readonly incidents: readonly AxisIncident[];
  readonly marks: readonly AxisMark[];
  /** Parts of the file's name. */
  readonly file?: readonly string[];
}

/** Bars above each other: more is a list, which stands behind. */
const LANE_COUNT_MAX = 6;
/** Of the axis: the least that a bar takes, so that one of minutes in a quarter can be seen and touched on a phone. */
const BAR_RATIO_MIN = 0.03;
/** Marks that are drawn, the latest ones: they have to be told apart. */
const MARK_COUNT_MAX = 100;
const TICK_COUNT_MAX = 6;

interface Bar {
  readonly incident: AxisIncident;
  readonly lane: number;
  /** Of the axis. */
  readonly left: number;
  readonly width: number;
}

/** Pure. @returns Bars from left to right, and how many incidents of the time found no lane. */
export function placeBars({ fromMs, toMs, incidents }: AxisContent): { readonly bars: readonly Bar[]; readonly leftOutCount: number } {
  const among = within(incidents, fromMs, toMs);
  const ends: number[] = [];
  const bars: Bar[] = [];
  for (const incident of among) {
    const start = ratioOf(incident.fromMs, fromMs, toMs);
    const width = Math.max(BAR_RATIO_MIN, ratioOf(incident.toMs ?? toMs, fromMs, toMs) - start);
    const left = Math.min(start, 1 - width);
    const free = ends.findIndex((end) => end <= left);
    const lane = free === -1 ? ends.length : free;
    if (lane >= LANE_COUNT_MAX) continue;
    ends[lane] = left + width;
    bars.push({ incident, lane, left, width });
  }
  return { bars, leftOutCount: among.length - bars.length };
}

function within(incidents: readonly AxisIncident[], fromMs: number, toMs: number): readonly AxisIncident[] {
  const among = incidents.filter((incident) => incident.fromMs <= toMs && (incident.toMs ?? toMs) >= fromMs);
  return [...among].sort((one, other) => one.fromMs - other.fromMs);
}

function ratioOf(atMs: number, fromMs: number, toMs: number): number {
  return toMs <= fromMs ? 0 : Math.min(1, Math.max(0, (atMs - fromMs) / (toMs - fromMs)));
}

export function incidentTable({ incidents, marks }: AxisContent): CsvTable {
  const rows = [
    ...incidents.map(({ label, state, fromMs, toMs, id }) => ['incident', label, state, timeOfFile(fromMs), ended(toMs), id]),
    ...marks.map(({ kind, label, atMs }) => [kind, label, null, timeOfFile(atMs), null, null]),
  ];
  return { titles: ['what', 'label', 'state', 'from', 'to', 'id'], rows };
}

function ended(toMs: number | null): string | null {
  return toMs === null ? null : timeOfFile(toMs);
}

const axes = new WeakMap<HTMLElement, IncidentAxis>();

/** Draws in place of what was there; focus stays on the same incident. */
export function drawIncidentAxis(host: HTMLElement, content: AxisContent): void {
  const known = axes.get(host);
  const axis = known?.isIn(host) === true ? known : new IncidentAxis(host);
  axes.set(host, axis);
  axis.draw(content);
}

class IncidentAxis {
  private readonly track = element('div', { class: 'incident-track', role: 'group' });
  private readonly ticks = element('div', { class: 'axis line', 'aria-hidden': 'true' });
  private readonly readout = element('p', { class: 'chart-readout figures muted' });
  private readonly rows = element('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': 'Table' });
  private content: AxisContent = { fromMs: 0, toMs: 0, incidents: [], marks: [] };
  private summary = '';

  constructor(host: HTMLElement) {
    const csv = csvButton('incidents, releases and re-basings', () => ({
      name: csvName(this.content.file ?? ['incidents']),
      table: () => incidentTable(this.content),
    }));
    const behind = element('details', {}, element('summary', {}, 'As a table'), this.rows);
    host.classList.add('chart');
    host.replaceChildren(this.track, this.ticks, element('div', { class: 'chart-foot' }, this.readout, csv), behind);
    this.track.addEventListener('keydown', (event) => this.pressed(event));
    for (const type of ['pointerover', 'focusin']) this.track.addEventListener(type, ({ target }) => this.told(target));
    for (const type of ['pointerleave', 'focusout']) this.track.addEventListener(type, () => this.told(document.activeElement));
  }

  isIn(host: HTMLElement): boolean {
    return this.track.parentElement === host;
  }

  draw(content: AxisContent): void {
    this.content = content;
    const { bars, leftOutCount } = placeBars(content);
    const marks = content.marks.filter(({ atMs }) => atMs >= content.fromMs && atMs <= content.toMs).slice(-MARK_COUNT_MAX);
    const kept = document.activeElement instanceof HTMLElement && this.track.contains(document.activeElement);
    const key = kept ? (document.activeElement as HTMLElement).dataset.key : undefined;
    const more =
      leftOutCount === 0 ? '' : ` ${counted(leftOutCount, 'incident')} at the same time ${leftOutCount === 1 ? 'is' : 'are'} in the table.`;
    this.summary = `${counted(bars.length + leftOutCount, 'incident')} in ${lengthText(content.toMs - content.fromMs)}.${more}`;
    this.track.setAttribute('aria-label', 'Incidents, releases and re-basings over time. Arrow keys go from one to the next.');
    this.track.style.setProperty('--lanes', String(Math.max(1, ...bars.map(({ lane }) => lane + 1))));
    this.track.replaceChildren(...marks.map((mark) => this.markOf(mark)), ...bars.map((bar) => barOf(bar)));
    const items = this.items();
    for (const item of items) item.tabIndex = -1;
    const current = items.find((item) => item.dataset.key === key) ?? items.at(-1);
    if (current !== undefined) current.tabIndex = 0;
    if (kept) current?.focus();
    this.drawTicks();
    const rows = content.incidents.map(({ label, state, fromMs, toMs }) => [
      label,
      state,
      timeText(fromMs),
      toMs === null ? 'goes on' : timeText(toMs),
    ]);
    const markRows = content.marks.map(({ label, kind, atMs }) => [label, kind, timeText(atMs), '']);
    this.rows.replaceChildren(table(['what', 'state', 'from', 'to'], [...rows, ...markRows]));
    this.told(document.activeElement);
  }

  private drawTicks(): void {
    const { fromMs, toMs } = this.content;
    const ticks = timeTicks(fromMs, toMs, TICK_COUNT_MAX).map(({ atMs, text }) => {
      const at = ratioOf(atMs, fromMs, toMs);
      const tick = element('span', { class: at < 0.05 ? 'first' : at > 0.95 ? 'last' : null }, text);
      tick.style.setProperty('--at', String(at));
      return tick;
    });
    this.ticks.replaceChildren(...ticks);
  }

  private markOf(mark: AxisMark): HTMLElement {
    const { atMs, kind, label } = mark;
    const text = `${label}, ${timeText(atMs)}`;
    const made = element('span', { class: `axis-mark mark-${kind.replace(/\W/g, '')}`, role: 'img', 'aria-label': text });
    made.dataset.key = `${kind} ${atMs} ${label}`;
    made.dataset.text = text;
    made.style.setProperty('--at', String(ratioOf(atMs, this.content.fromMs, this.content.toMs)));
    return made;
  }

  /** Bars and marks in the order of time. */
  private items(): readonly HTMLElement[] {
    const items = Array.from(this.track.children) as HTMLElement[];
    return items.sort((one, other) => positionOf(one) - positionOf(other));
  }

  private told(target: EventTarget | null): void {
    const item = target instanceof HTMLElement && this.track.contains(target) ? target.closest<HTMLElement>('[data-text]') : null;
    const text = item?.dataset.text ?? this.summary;
    if (this.readout.textContent !== text) this.readout.textContent = text;
  }

  private pressed(event: KeyboardEvent): void {
    const items = this.items();
    const at = items.indexOf(document.activeElement as HTMLElement);
    const moves: Readonly<Record<string, number>> = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: items.length - 1 };
    const to = moves[event.key];
    const next = to === undefined ? undefined : items[to];
    if (next === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    for (const item of items) item.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  }
}

function barOf({ incident, lane, left, width }: Bar): HTMLElement {
  const { id, label, state, fromMs, toMs, href } = incident;
  const how =
    toMs === null
      ? `${state}, since ${timeText(fromMs)}`
      : `${state}, ${timeText(fromMs)} to ${timeText(toMs)} (${lengthText(toMs - fromMs)})`;
  const made = element('a', { class: `incident-bar state-${state.replace(/\W/g, '')}`, href, 'aria-label': `${label}: ${how}` }, label);
  made.dataset.key = id;
  made.dataset.text = `${label}: ${how}`;
  for (const [name, value] of Object.entries({ '--at': left, '--width': width, '--lane': lane }))
    made.style.setProperty(name, String(value));
  return made;
}

function positionOf(item: HTMLElement): number {
  return Number(item.style.getPropertyValue('--at'));
}
