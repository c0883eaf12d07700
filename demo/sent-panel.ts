/**
 * Sent panel: what left this page, byte for byte, and what it means.
 *
 * Invariants
 *  - Shows `inspect()`: the bytes that were handed to the network, and words decoded from those bytes.
 */
import type { Client, DecodedWindow, SentReport, TelemetryStatus } from '../sdk/index.ts';
import { byId, element, formatBytes } from './element.ts';

const REPORTS_SHOWN = 5;
const HEADER_BYTES = 10;

const OFF_SENTENCES: Readonly<Record<NonNullable<TelemetryStatus['offReason']>, string>> = {
  'no-collector': 'No collector is set, so nothing is counted.',
  'consent-required': 'Off. Nothing was counted, stored or sent.',
  'global-privacy-control': 'Your browser sends Global Privacy Control, so nothing is counted.',
  'do-not-track': 'Your browser says Do Not Track, so nothing is counted.',
};

export class SentPanel {
  private readonly client: Client;
  private shown = '';

  constructor(client: Client) {
    this.client = client;
    client.telemetry.subscribe(() => this.show());
    this.show();
  }

  show(): void {
    const status = this.client.telemetry.status();
    byId('sent-status').textContent = statusSentence(status);
    byId<HTMLButtonElement>('send-now').disabled = status.offReason !== null;
    const reports = this.client.telemetry.inspect().slice(-REPORTS_SHOWN).reverse();
    const key = reports.map(({ sentAtMs, status: answer }) => `${sentAtMs} ${answer}`).join();
    if (key === this.shown) return;
    this.shown = key;
    byId('sent-log').replaceChildren(...reports.map(reportElement));
  }
}

function statusSentence(status: TelemetryStatus): string {
  if (status.offReason !== null) return OFF_SENTENCES[status.offReason];
  const waiting =
    status.outboxWindows === 0 ? 'nothing waits' : `${status.outboxWindows} windows wait (${formatBytes(status.outboxBytes)})`;
  const next = status.nextAttemptAtMs === null ? '' : ` Next attempt at ${new Date(status.nextAttemptAtMs).toLocaleTimeString()}.`;
  const open = status.openRuns < 8 ? `${status.openRuns} of at least 8 runs` : `${status.openRuns} runs`;
  return `The open window holds ${open}; ${waiting}; ${status.sentWindows} windows were taken.${next}`;
}

function reportElement(report: SentReport): HTMLElement {
  const answer = report.status === 0 ? 'no answer yet' : `answered ${report.status}`;
  const summary = `${new Date(report.sentAtMs).toLocaleTimeString()} · ${report.requestLine} · ${report.bytes.length} bytes · ${answer}`;
  return element(
    'details',
    { class: 'report' },
    element('summary', {}, summary),
    hexElement(report.bytes),
    element('div', { class: 'windows' }, ...report.windows.map(windowElement)),
  );
}

/** The header's fields are marked; a title says what each is. */
function hexElement(bytes: Uint8Array): HTMLElement {
  const hex = (from: number, to: number) => Array.from(bytes.subarray(from, to), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return element(
    'pre',
    { class: 'hex', tabindex: 0, 'aria-label': 'The bytes of this request' },
    element('span', { class: 'field-schema', title: 'schema' }, hex(0, 1)),
    ' ',
    element('span', { class: 'field-model', title: 'model version: first 8 bytes of the SHA-256 of model.json' }, hex(1, 9)),
    ' ',
    element('span', { class: 'field-count', title: 'number of windows' }, hex(9, HEADER_BYTES)),
    ' ',
    element('span', { title: 'windows: kind, one-time id, plan, hour, arm, segment, runs, cells' }, hex(HEADER_BYTES, bytes.length)),
  );
}

function windowElement(window: DecodedWindow): HTMLElement {
  const hour = new Date(window.hour * 3_600_000).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' });
  const facts = `${window.report} report, ${window.runs} runs, hour of ${hour}, one-time id ${window.id.slice(0, 8)}…`;
  const rows = window.cells.map(({ metric, cell, count }) =>
    element('tr', {}, element('td', {}, metric), element('td', {}, cell), element('td', { class: 'number' }, String(count))),
  );
  const head = element('tr', {}, ...['metric', 'cell', 'count'].map((title) => element('th', { scope: 'col' }, title)));
  return element(
    'div',
    { class: 'window' },
    element('p', {}, facts),
    element('div', { class: 'scroll', tabindex: 0 }, element('table', {}, element('thead', {}, head), element('tbody', {}, ...rows))),
  );
}
