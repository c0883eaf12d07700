/**
 * Grafana dashboards of what a collector exports: models in the field, and the collector itself.
 *
 *   node scripts/grafana.mjs        writes insitu-models.json and insitu-collector.json beside this file
 *
 * Why generated: a dashboard's JSON is a thousand lines in which a wrong key is silently ignored. Here the compiler holds it against
 * Grafana's own types, and a test each metric against what a collector really exports.
 *
 * Not here: layout (panel.ts), alerts (integrations/prometheus/).
 */
import type { Dashboard } from '@grafana/schema';
import { dashboardOf, labelVariable, type PanelSource } from './panel.ts';

/** The models that are chosen; `more` are further conditions. */
const chosen = (more = '') => `{model=~"$model",version=~"$version",arm=~"$arm"${more === '' ? '' : `,${more}`}}`;
const rate = (metric: string, more = '') => `rate(${metric}${chosen(more)}[$__rate_interval])`;
const byLabel = (metric: string, label: string) => [{ expr: `sum by (${label}) (${rate(metric)})`, legend: `{{${label}}}` }];

const quantile = (q: number, metric: string, by = '', more = '') =>
  `histogram_quantile(${q}, sum by (le${by === '' ? '' : `, ${by}`}) (${rate(`${metric}_bucket`, more)}))`;
const quantiles = (metric: string) => [0.5, 0.95, 0.99].map((q) => ({ expr: quantile(q, metric), legend: `p${Math.round(q * 100)}` }));

const MODEL_PANELS: readonly PanelSource[] = [
  {
    title: 'Runs by outcome',
    description: 'Calls of run per second, as pages reported them. Pages report once a minute, and late after being offline.',
    ...{ unit: 'reqps', isStacked: true, queries: byLabel('insitu_runs_total', 'outcome') },
  },
  {
    title: 'Run latency',
    description: 'From the call of run to its answer, first runs left out.',
    ...{ unit: 's', queries: quantiles('insitu_run_latency_seconds') },
  },
  {
    title: 'Where a run spends its time (p95)',
    description: 'Waiting in the worker, and inside the runtime.',
    unit: 's',
    queries: [
      { expr: quantile(0.95, 'insitu_run_queue_seconds'), legend: 'waiting' },
      { expr: quantile(0.95, 'insitu_run_runtime_seconds'), legend: 'runtime' },
    ],
  },
  {
    title: 'First run of a session (p95)',
    description: 'Warm-up is apart so that it does not blur steady state.',
    unit: 's',
    queries: [
      { expr: quantile(0.95, 'insitu_first_run_latency_seconds'), legend: 'latency' },
      { expr: quantile(0.95, 'insitu_first_run_runtime_seconds'), legend: 'runtime' },
    ],
  },
  {
    title: 'Loads by outcome',
    description: 'Bytes from the network, from the cache, or failed.',
    ...{ unit: 'reqps', isStacked: true, queries: byLabel('insitu_loads_total', 'outcome') },
  },
  {
    title: 'Time to a ready model (p95)',
    description: 'Cold: bytes from the network. Warm: from the cache.',
    unit: 's',
    queries: [{ expr: quantile(0.95, 'insitu_load_seconds', 'start'), legend: '{{start}}' }],
  },
  {
    title: 'Load phases (p95)',
    description: 'Which phase a slow load spends its time in.',
    unit: 's',
    queries: [{ expr: quantile(0.95, 'insitu_load_phase_seconds', 'phase'), legend: '{{phase}}' }],
  },
  {
    title: 'Errors by code',
    description: 'Failed runs and failed loads.',
    unit: 'reqps',
    queries: [
      { expr: `sum by (code) (${rate('insitu_run_errors_total')}) > 0`, legend: 'run: {{code}}' },
      { expr: `sum by (code) (${rate('insitu_load_errors_total')}) > 0`, legend: 'load: {{code}}' },
    ],
  },
  {
    title: 'Execution providers',
    description: 'Who runs on a GPU, and who stopped doing so.',
    ...{ unit: 'reqps', isStacked: true, queries: byLabel('insitu_load_providers_total', 'provider') },
  },
  {
    title: 'Fallbacks by reason',
    description: 'Variants and providers that loads tried and left. Wrong outputs are broken drivers.',
    unit: 'reqps',
    queries: [{ expr: `sum by (reason) (${rate('insitu_load_fallbacks_total', 'reason!="none"')})`, legend: '{{reason}}' }],
  },
  {
    title: 'Inputs and outputs that are not what they should be',
    description: 'Share of items that are missing, empty, NaN and so on, of each tensor.',
    unit: 'percentunit',
    queries: [
      {
        expr:
          `sum by (side, tensor, state) (${rate('insitu_items_total', 'state!~"present|ok"')})` +
          ` / on (side, tensor) group_left () sum by (side, tensor) (${rate('insitu_items_total')}) > 0`,
        legend: '{{side}} {{tensor}}: {{state}}',
      },
    ],
  },
  {
    title: 'Feedback',
    description: 'What people did with answers.',
    ...{ unit: 'reqps', isStacked: true, queries: byLabel('insitu_feedback_total', 'outcome') },
  },
  {
    title: 'Repeated inputs',
    description: 'Share of runs whose inputs were those of one shortly before: retries, double clicks, loops.',
    ...{ unit: 'percentunit', max: 1 },
    queries: [
      { expr: `sum(${rate('insitu_run_inputs_total', 'inputs="repeat"')}) / sum(${rate('insitu_run_inputs_total')})`, legend: 'repeated' },
    ],
  },
  {
    title: 'Memory of pages (p95)',
    description: 'After a load, where the browser tells.',
    ...{ unit: 'bytes', queries: [{ expr: quantile(0.95, 'insitu_page_memory_bytes'), legend: 'p95' }] },
  },
  {
    title: 'Processor pressure',
    description: 'Samples by state, where the browser tells: slow runs on a hot device are not the fault of the model.',
    ...{ unit: 'short', isStacked: true, queries: byLabel('insitu_cpu_pressure_samples_total', 'state') },
  },
  {
    title: 'Counts that never arrived',
    description: 'How much the other panels do not know, by reason.',
    ...{ unit: 'short', queries: [{ expr: `sum by (reason) (${rate('insitu_losses_total')}) > 0`, legend: '{{reason}}' }] },
  },
];

const own = (metric: string) => `rate(${metric}[$__rate_interval])`;
const ownQuantile = (q: number, metric: string) => `histogram_quantile(${q}, sum by (le) (${own(`${metric}_bucket`)}))`;

const COLLECTOR_PANELS: readonly PanelSource[] = [
  {
    title: 'Reports by answer',
    description: '204: counted. 503: the page keeps its windows and comes again.',
    ...{ unit: 'reqps', isStacked: true },
    queries: [
      {
        expr: `sum by (status) (rate(insitu_collector_requests_total{route="/v1/report/:writeKey"}[$__rate_interval]))`,
        legend: '{{status}}',
      },
    ],
  },
  {
    title: 'Other requests by route',
    description: 'Readers, the dashboard and static files.',
    unit: 'reqps',
    queries: [
      {
        expr: `sum by (route) (rate(insitu_collector_requests_total{route!="/v1/report/:writeKey"}[$__rate_interval]))`,
        legend: '{{route}}',
      },
    ],
  },
  {
    title: 'Windows',
    description: 'Stored, counted before, or lost to a failing store.',
    ...{ unit: 'short', isStacked: true },
    queries: [{ expr: `sum by (outcome) (${own('insitu_collector_windows_total')})`, legend: '{{outcome}}' }],
  },
  {
    title: 'Commits',
    description: 'Duration of group commits, and those that failed.',
    unit: 's',
    queries: [
      { expr: ownQuantile(0.5, 'insitu_collector_commit_seconds'), legend: 'p50' },
      { expr: ownQuantile(0.99, 'insitu_collector_commit_seconds'), legend: 'p99' },
    ],
  },
  {
    title: 'Failed commits',
    description: 'Groups that the store refused.',
    ...{ unit: 'short', queries: [{ expr: `increase(insitu_collector_failed_commits_total[$__rate_interval])`, legend: 'failed' }] },
  },
  {
    title: 'Waiting for a commit',
    description: 'Windows by lane. Light reports never wait behind heavy ones.',
    ...{ unit: 'short', queries: [{ expr: 'insitu_collector_waiting_windows', legend: '{{lane}}' }] },
  },
  {
    title: 'Event-loop delay',
    description: 'How late a timer of the collector was.',
    unit: 's',
    queries: [
      { expr: ownQuantile(0.5, 'insitu_collector_event_loop_delay_seconds'), legend: 'p50' },
      { expr: ownQuantile(0.99, 'insitu_collector_event_loop_delay_seconds'), legend: 'p99' },
    ],
  },
  {
    title: 'Memory and processor',
    description: 'Resident memory with the database, and JavaScript objects alone.',
    unit: 'bytes',
    queries: [
      { expr: 'process_resident_memory_bytes{job=~"$job"}', legend: 'resident' },
      { expr: 'insitu_collector_heap_bytes', legend: 'heap' },
    ],
  },
  {
    title: 'Processor time',
    description: 'Of one core.',
    ...{ unit: 'percentunit', queries: [{ expr: 'rate(process_cpu_seconds_total{job=~"$job"}[$__rate_interval])', legend: 'collector' }] },
  },
  {
    title: 'Disk',
    description: 'What the data folder takes, and what is left.',
    unit: 'bytes',
    queries: [
      { expr: 'insitu_collector_store_bytes', legend: 'data folder' },
      { expr: 'insitu_collector_disk_free_bytes', legend: 'free' },
    ],
  },
];

/** By file. */
export const DASHBOARDS: Readonly<Record<string, Dashboard>> = {
  'insitu-models.json': dashboardOf(
    { uid: 'insitu-models', title: 'Insitu: models in the field', description: 'What pages reported of their models, as counts.' },
    [
      labelVariable('model', 'Model', 'label_values(insitu_reports_total, model)'),
      labelVariable('version', 'Version', 'label_values(insitu_reports_total{model=~"$model"}, version)'),
      labelVariable('arm', 'Arm', 'label_values(insitu_reports_total{model=~"$model"}, arm)'),
    ],
    MODEL_PANELS,
  ),
  'insitu-collector.json': dashboardOf(
    { uid: 'insitu-collector', title: 'Insitu: the collector', description: 'How the collector does.' },
    [labelVariable('job', 'Job', 'label_values(insitu_collector_release, job)')],
    COLLECTOR_PANELS,
  ),
};
