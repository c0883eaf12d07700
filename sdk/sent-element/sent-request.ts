/**
 * One request of `<insitu-sent>`: a line, its bytes with offsets, and a table of what each window in them says.
 *
 * Invariants
 *  - Everything is set as text; a name from a manifest cannot become markup.
 *  - The line is rewritten when the answer arrives; bytes and tables are built once, when they are first opened.
 */
import { HOUR_MS } from '../../protocol/report/window.ts';
import type { DecodedWindow, SentReport } from '../api/telemetry.ts';
import { fill, type SentTexts } from './sent-texts.ts';

const BYTES_PER_ROW = 8;

export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>>,
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export interface RequestItem {
  readonly element: HTMLElement;
  show(request: SentReport): void;
}

export function requestItem(request: SentReport, texts: SentTexts, language: string | undefined): RequestItem {
  const summary = make('summary', {});
  const details = make('details', { part: 'request' }, summary);
  const open = () => {
    const windows = request.windows.map((window) => windowElement(window, texts, language));
    details.append(bytesElement(request.bytes, texts.bytes), make('div', { class: 'windows' }, ...windows));
  };
  details.addEventListener('toggle', open, { once: true });
  return {
    element: make('li', {}, details),
    show({ sentAtMs, requestLine, bytes, status }) {
      const time = new Date(sentAtMs).toLocaleTimeString(language);
      const answer = status === 0 ? texts.unanswered : fill(texts.answered, { status });
      summary.textContent = fill(texts.request, { time, line: requestLine, bytes: bytes.length, answer });
    },
  };
}

function bytesElement(bytes: Uint8Array, label: string): HTMLElement {
  const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');
  const rows = Array.from({ length: Math.ceil(bytes.length / BYTES_PER_ROW) }, (_, row) => {
    const from = row * BYTES_PER_ROW;
    const text = Array.from(bytes.subarray(from, from + BYTES_PER_ROW), (byte) => hex(byte, 2)).join(' ');
    return make('div', {}, make('span', {}, `${hex(from, 4)}  `), text);
  });
  // Scrollable, so the keyboard must reach it.
  return make('div', { class: 'bytes', part: 'bytes', role: 'region', 'aria-label': label, tabindex: '0' }, ...rows);
}

function windowElement(window: DecodedWindow, texts: SentTexts, language: string | undefined): HTMLElement {
  const { report, runs, modelVersion, id } = window;
  const hour = new Date(window.hour * HOUR_MS).toLocaleString(language, { dateStyle: 'medium', timeStyle: 'short' });
  const name = report === 'data' || report === 'software' ? texts[report] : texts.other;
  const told = fill(texts.window, { report: name, runs, hour, model: modelVersion, id });
  const facts = window.mark === null ? told : `${told} · ${texts[window.mark]}`;
  const cells = window.cells.map(({ metric, cell, count }) =>
    make('tr', {}, make('td', {}, metric), make('td', {}, cell), make('td', { class: 'number' }, String(count))),
  );
  const head = make(
    'tr',
    {},
    make('th', { scope: 'col' }, texts.metric),
    make('th', { scope: 'col' }, texts.cell),
    make('th', { scope: 'col', class: 'number' }, texts.count),
  );
  const table = make('table', {}, make('thead', {}, head), make('tbody', {}, ...cells));
  const scroll = make('div', { class: 'scroll', role: 'region', 'aria-label': facts, tabindex: '0' }, table);
  return make('div', { part: 'window' }, make('p', { class: 'muted' }, facts), scroll);
}
