/**
 * The overview: a row for each model, those that need a look first.
 *
 * Invariants
 *  - However many models there are, a load asks four questions at the most: models, overview, and the owner's two.
 *  - Devices are asked for rows that are seen, two at a time, and each no more often than DEVICES_MS.
 *  - Without the admin key it shows what is public.
 *
 * Not here: what is said of a model, and the order (view/overview-rows.ts).
 */
import type { MonitoringList } from '../../../protocol/read/monitoring.ts';
import type { ModelEntry, Overview } from '../../../protocol/read/read-api.ts';
import { byId, element } from '../../../site/element.ts';
import { fetchModels, fetchOverview, RefusedError } from '../ask/api.ts';
import { fetchIncidents, fetchMonitoring } from '../ask/owner-api.ts';
import { ownerKey } from '../ask/owner-key.ts';
import { percent, whole } from '../charts/figures.ts';
import { drawSparkline } from '../charts/sparkline.ts';
import { KeyedList, type Row, setNote, setText } from '../parts/keyed.ts';
import type { Go, News, Page, Wish } from '../parts/page.ts';
import { cell } from '../parts/table-cells.ts';
import { modelAddress, OVERVIEW, OVERVIEW_ORDERS, type OverviewAddress, writeAddress } from '../view/address.ts';
import { STATE_TEXTS, titleOf } from '../view/incident-words.ts';
import { type OverviewData, type OverviewRow, ordered, overviewRows, overviewSentence } from '../view/overview-rows.ts';
import { agoText } from '../view/when.ts';
import { DeviceColumn } from './device-column.ts';

const NO_MODEL = 'No model is registered. Start the collector with --models, or register one by POST /v1/models.';
const NO_MONITOR = 'This collector is of an earlier release: it has no monitor, so verdicts come from threshold rules alone.';
const NO_OVERVIEW = 'This collector is of an earlier release: it has no trend lines. Each model’s own page has its numbers.';

interface Shown {
  readonly row: OverviewRow;
  readonly nowMs: number;
}

export class OverviewPage implements Page<OverviewAddress> {
  readonly title = 'Overview';
  readonly needsKey = false;
  private readonly devices = new DeviceColumn();
  private readonly rows = new KeyedList<Shown>(
    byId('overview-rows'),
    ({ row }) => row.modelVersion,
    () => this.makeRow(),
  );
  private readonly find = byId<HTMLInputElement>('find');
  private address = OVERVIEW;
  private data: OverviewData | null = null;
  private nowMs = 0;

  constructor(go: Go) {
    this.find.addEventListener('input', () => {
      this.address = { ...this.address, find: this.find.value };
      go(this.address, 'replace');
      this.draw();
    });
    for (const head of document.querySelectorAll<HTMLElement>('#overview-table th[data-order]')) {
      const order = OVERVIEW_ORDERS.find((each) => each === head.dataset.order) ?? 'look';
      head.querySelector('button')?.addEventListener('click', () => go({ ...this.address, order }));
    }
  }

  show(address: OverviewAddress): void {
    this.address = address;
    if (this.find.value !== address.find) this.find.value = address.find;
    for (const head of document.querySelectorAll<HTMLElement>('#overview-table th[data-order]')) {
      const isChosen = head.dataset.order === address.order;
      if (isChosen) head.setAttribute('aria-sort', address.order === 'name' ? 'ascending' : 'descending');
      else head.removeAttribute('aria-sort');
    }
    if (ownerKey.value === null && this.data !== null) this.data = { ...this.data, monitoring: null, incidents: null };
    this.draw();
  }

  heard(news: News): Wish {
    return news.what === 'commit' ? 'soon' : 'now';
  }

  async look(signal: AbortSignal): Promise<boolean> {
    return JSON.stringify(await fetchModels(signal)) !== JSON.stringify(this.data?.models);
  }

  leave(): void {
    this.devices.stop();
  }

  async load(_address: OverviewAddress, signal: AbortSignal): Promise<void> {
    const asked = orNull(fetchOverview(signal));
    // It is awaited below, behind what may fail first.
    asked.catch(() => undefined);
    const [models, owner] = await Promise.all([fetchModels(signal), ownerKey.value === null ? null : askOwner(signal)]);
    signal.throwIfAborted();
    // Rows first: the trend lines of a week may take longer.
    if (this.data === null) this.take(models, null, owner);
    const overview = await asked;
    signal.throwIfAborted();
    this.take(models, overview, owner);
    const notes = [overview === null ? NO_OVERVIEW : null, owner !== null && owner.monitoring === null ? NO_MONITOR : null];
    setNote(byId('overview-note'), notes.filter((note) => note !== null).join(' ') || null);
  }

  private take(models: readonly ModelEntry[], overview: Overview | null, owner: Owner | null): void {
    this.nowMs = overview?.nowMs ?? owner?.nowMs ?? Date.now();
    this.data = { models, overview, monitoring: owner?.monitoring ?? null, incidents: owner?.incidents ?? null };
    this.draw();
  }

  private draw(): void {
    const { data, address, nowMs } = this;
    if (data === null) return;
    const all = overviewRows(data, nowMs);
    const shown = ordered(all, address.order, address.find);
    byId('overview-table').hidden = byId('overview-tools').hidden = all.length === 0;
    byId('overview-table').toggleAttribute('data-owner', data.incidents !== null);
    setNote(
      byId('overview-empty'),
      all.length === 0 ? NO_MODEL : shown.length === 0 ? `No model has “${address.find}” in its name or version.` : null,
    );
    setText(byId('overview-sentence'), overviewSentence(all, data.incidents !== null));
    this.rows.show(shown.map((row) => ({ row, nowMs })));
  }

  private makeRow(): Row<Shown> {
    const [name, version] = [element('a', { class: 'name', href: '#/models' }), element('span', { class: 'muted detail' })];
    const [verdict, detail] = [element('span', { class: 'verdict' }), element('span', { class: 'muted detail' })];
    const [runs, runCount] = [element('div', { class: 'spark-place' }), element('span', { class: 'figures' })];
    const [usable, usableShare] = [element('div', { class: 'spark-place' }), element('span', { class: 'figures' })];
    const [incident, ago] = [element('a', { href: '#/incidents' }), element('span', { class: 'muted detail' })];
    const [devices, devicesToday] = [element('span', { class: 'figures' }, '…'), element('span', { class: 'muted detail' })];
    const last = cell('Last incident', incident, ago);
    const node = element(
      'tr',
      {},
      element('th', { scope: 'row' }, name, version),
      cell('', verdict, detail),
      cell('Runs, 7 days', element('div', { class: 'trend' }, runs, runCount)),
      cell('Usable outputs', element('div', { class: 'trend' }, usable, usableShare)),
      element('td', { class: 'number', 'data-title': 'Devices, yesterday' }, devices, devicesToday),
      last,
    );
    let drawn = '';
    return {
      node,
      update: ({ row, nowMs }) => {
        const { modelVersion, times } = row;
        this.devices.watch(node, modelVersion, { yesterday: devices, today: devicesToday });
        setText(name, row.name);
        name.setAttribute('href', writeAddress(modelAddress(modelVersion)));
        setText(version, row.version);
        setText(verdict, row.verdict.text);
        verdict.dataset.tone = row.verdict.tone;
        setNote(detail, row.verdict.detail);
        setText(runCount, times.length === 0 ? '–' : whole(row.runCount));
        setText(usableShare, percent(row.usableRatio));
        const content = JSON.stringify([times, row.runs, row.usable]);
        if (content !== drawn && times.length > 0) {
          drawSparkline(runs, { times, values: row.runs, label: 'Runs in half a day' });
          drawSparkline(usable, { times, values: row.usable, label: 'Usable outputs, percent' });
        }
        drawn = content;
        incident.hidden = row.incident === null;
        last.classList.toggle('is-empty', row.incident === null);
        setNote(ago, row.incident === null ? null : `${STATE_TEXTS[row.incident.state]}, began ${agoText(row.incident.onset.atMs, nowMs)}`);
        if (row.incident === null) return;
        setText(incident, titleOf(row.incident));
        incident.setAttribute('href', writeAddress({ page: 'incident', id: row.incident.id }));
      },
    };
  }
}

interface Owner {
  readonly nowMs: number;
  readonly monitoring: MonitoringList | null;
  readonly incidents: NonNullable<OverviewData['incidents']>;
}

async function askOwner(signal: AbortSignal): Promise<Owner> {
  const [monitoring, { incidents, nowMs }] = await Promise.all([fetchMonitoring(signal), fetchIncidents({}, signal)]);
  return { monitoring, incidents, nowMs };
}

/** null of a collector that has no such address. */
async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof RefusedError && error.status === 404) return null;
    throw error;
  }
}
