/**
 * The dashboard: what the counts of one model say, beside its baseline, updated as reports are committed.
 *
 * Invariants
 *  - Distances are shown as descriptions. Nothing here decides that something is wrong.
 *  - A collector that does not answer is said so, and asked again.
 */
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import { quantileOf, totalOf } from '../../counts/statistics/summary.ts';
import { UNKNOWN_MODEL_VERSION } from '../../protocol/report/window.ts';
import { byId, element, table } from '../../site/element.ts';
import { wireTheme } from '../../site/theme.ts';
import { fetchModel, fetchModels, fetchSeries, listen, type ModelDetail, RETRY_MS, type Series } from './api.ts';
import { ms, whole } from './charts/figures.ts';
import { showHistogram } from './charts/histogram.ts';
import { drawTimeChart, redrawAll } from './charts/time-chart.ts';
import { LivePanel } from './live-panel.ts';
import { softwareRows, View } from './view-model.ts';

const BRIGHTNESS = /\.brightness$/;

const modelSelect = byId<HTMLSelectElement>('model');
const metricSelect = byId<HTMLSelectElement>('metric');
const hoursSelect = byId<HTMLSelectElement>('hours');
const livePanel = new LivePanel(byId('live-text'), byId('live-chart'));

let detail: ModelDetail | null = null;
let view: View | null = null;
let unattributed: Series | null = null;
let retryTimer: ReturnType<typeof setTimeout> | undefined;
let refreshing: Promise<void> | null = null;
let isStale = false;

function say(error: unknown): void {
  const alert = byId('alert');
  alert.hidden = false;
  alert.textContent = `${error instanceof Error ? error.message : String(error)} Trying again.`;
}

/** One request at a time; what came meanwhile is asked for once more. */
function refresh(): Promise<void> {
  if (refreshing !== null) {
    isStale = true;
    return refreshing;
  }
  refreshing = load().finally(() => {
    refreshing = null;
    if (!isStale) return;
    isStale = false;
    void refresh();
  });
  return refreshing;
}

async function load(): Promise<void> {
  clearTimeout(retryTimer);
  try {
    if (modelSelect.options.length === 0) await listModels();
    const version = modelSelect.value;
    if (version === '') return showEmpty('No model is registered. Start the collector with --models, or register one by POST /v1/models.');
    if (detail?.modelVersion !== version) {
      detail = await fetchModel(version);
      view = null;
      livePanel.clear();
    }
    const hourCount = Number(hoursSelect.value);
    const [series, unknown] = await Promise.all([fetchSeries(version, hourCount), fetchSeries(UNKNOWN_MODEL_VERSION, hourCount)]);
    const next = new View(detail, series, hourCount);
    unattributed = unknown;
    byId('alert').hidden = true;
    listMetrics(next);
    const gain = view === null ? null : next.since(view);
    if (gain !== null) livePanel.add(gain, Date.now());
    view = next;
    show();
  } catch (error) {
    say(error);
    retryTimer = setTimeout(() => void refresh(), RETRY_MS);
  }
}

async function listModels(): Promise<void> {
  const models = await fetchModels();
  for (const { modelVersion, name, version } of models) {
    const option = element('option', '', `${name} ${version}`);
    option.value = modelVersion;
    modelSelect.append(option);
  }
}

function listMetrics(next: View): void {
  const ids = next.rangeMetrics.map(({ id }) => id);
  if ([...metricSelect.options].map(({ value }) => value).join() === ids.join()) return;
  metricSelect.replaceChildren(
    ...ids.map((id) => {
      const option = element('option', '', id.replace(/^(input|output)\./, ''));
      option.value = id;
      return option;
    }),
  );
  metricSelect.value = ids.find((id) => BRIGHTNESS.test(id)) ?? ids[0] ?? '';
}

function showEmpty(sentence: string | null): void {
  byId('empty').hidden = sentence === null;
  byId('empty').textContent = sentence;
}

function show(): void {
  if (view === null) return;
  showEmpty(
    view.reports === 0 ? 'No report in this time. Open the demo, switch “Send counts” on, run a few digits and press “Send now”.' : null,
  );
  byId('tiles').replaceChildren(
    ...view.tiles().map(({ id, title, value, detail: more }) => {
      const tile = element('div', 'tile', element('dt', '', title), element('dd', '', value), element('dd', 'detail', more));
      tile.id = `tile-${id}`;
      return tile;
    }),
  );
  showClasses(view);
  showMetric(view);
  showHours(view);
  showPhases(view);
  showErrors(view);
  livePanel.show(view, metricSelect.value);
}

function showClasses(current: View): void {
  const metric = current.classMetric;
  if (metric === null) {
    byId('class-chart').replaceChildren('This model has no label list.');
    return;
  }
  const { field, base } = current.distribution(metric.id);
  showHistogram(byId('class-chart'), { labels: current.labels, field, base, axis: 'each' });
}

function showMetric(current: View): void {
  if (metricSelect.value === '') return;
  const { metric, field, base, mean, baseMean, psi, js } = current.distribution(metricSelect.value);
  byId('metric-why').textContent = `${metric.title}. ${metric.why}`;
  showHistogram(byId('metric-chart'), { labels: metric.cells, field, base, axis: 'ends' });
  const figure = (value: number | null) => (value === null ? '–' : value.toFixed(3));
  byId('metric-distance').textContent =
    `Mean ${figure(mean)}, baseline ${figure(baseMean)}. From the baseline: PSI ${figure(psi)}, Jensen-Shannon ${figure(js)}. These describe a distance; they are no verdict.`;
}

function showHours(current: View): void {
  const points = current.hours(metricSelect.value);
  const times = points.map(({ hour }) => hour * 3600);
  const draw = (id: string, ...lines: { label: string; values: (number | null)[] }[]) => drawTimeChart(byId(id), { times, lines });
  draw('plot-runs', { label: 'runs', values: points.map(({ runs }) => runs) });
  draw(
    'plot-latency',
    { label: 'p50', values: points.map(({ p50Ms }) => p50Ms) },
    { label: 'p95', values: points.map(({ p95Ms }) => p95Ms) },
  );
  draw('plot-outputs', { label: 'usable', values: points.map(({ usableRatio }) => (usableRatio === null ? null : usableRatio * 100)) });
  draw('plot-mean', { label: 'mean', values: points.map(({ mean }) => mean) });
  byId('plot-mean-title').textContent = `Mean of ${metricSelect.value.replace(/^(input|output)\./, '')}`;
}

function showPhases(current: View): void {
  const phases = SOFTWARE_PLAN.metrics.filter(({ id }) => /^load\.(phase|total)\./.test(id));
  const rows = phases.flatMap(({ id }) => {
    const { metric, counts } = current.software(id);
    const total = totalOf(counts);
    if (total === 0) return [];
    const quantiles = [0.5, 0.95].map((q) => ms(quantileOf(metric, counts, q)));
    return [[id.replace(/^load\./, '').replace('.', ' '), whole(total), ...quantiles]];
  });
  byId('phases').replaceChildren(rows.length === 0 ? 'No load yet.' : table(['phase', 'loads', 'p50', 'p95'], rows));
}

/** A page that never read a manifest cannot name its model: its errors stand under every model, and say so. */
function showErrors(current: View): void {
  const nameless = softwareRows(['error.load', 'error.run', 'loss'], unattributed?.software ?? []);
  const rows = [...current.errorRows, ...nameless.map(({ what, count }) => ({ what: `${what} (model unknown)`, count }))];
  const words = rows.map(({ what, count }) => [what, whole(count)]);
  byId('errors').replaceChildren(words.length === 0 ? 'None.' : table(['what', 'count'], words));
}

wireTheme(byId('theme'), redrawAll);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawAll);
addEventListener('resize', redrawAll);
modelSelect.addEventListener('change', () => void refresh());
hoursSelect.addEventListener('change', () => void refresh());
metricSelect.addEventListener('change', show);
listen(
  (modelVersion) => {
    if (modelVersion === modelSelect.value || modelVersion === UNKNOWN_MODEL_VERSION) void refresh();
  },
  (isUp) => {
    byId('connection').textContent = isUp ? 'Live' : 'The collector does not answer; reconnecting …';
    if (isUp) void refresh();
  },
);
void refresh();
