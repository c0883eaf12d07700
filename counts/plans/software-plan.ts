/**
 * The software plan: how loading, running and reporting went, in words. The same for every model.
 *
 * Not here: which cell an event bumps (counts/plans/software-layout.ts, which fixes order and cells of every metric here).
 */
import type { Plan } from '../../protocol/report/plan.ts';
import { edgedCells } from '../layout/edges.ts';
import { type LogLinearScale, scaleEdges } from '../layout/log-linear.ts';
import { placeMetrics } from '../layout/plan.ts';
import { SOFTWARE_LAYOUT, type SoftwareMetric } from './software-layout.ts';

/** Title, unit, why. */
type Words = readonly [string, string, string];

const PHASE_WHY = 'Which phase a slow load spends its time in.';

const WORDS: { readonly [M in SoftwareMetric]: Words } = {
  'load.outcome': ['How a load ended', 'loads', 'Share of visits that get a model, and of those that need no download.'],
  'load.total.cold': ['From the call of load to a ready model, bytes from the network', 'ms', 'What a first visit waits.'],
  'load.total.warm': ['From the call of load to a ready model, bytes from the cache', 'ms', 'What a returning visit waits.'],
  'load.phase.manifest': ['Load phase "manifest", where it happened', 'ms', PHASE_WHY],
  'load.phase.runtime': ['Load phase "runtime", where it happened', 'ms', PHASE_WHY],
  'load.phase.download': ['Load phase "download", where it happened', 'ms', PHASE_WHY],
  'load.phase.verify': ['Load phase "verify", where it happened', 'ms', PHASE_WHY],
  'load.phase.compile': ['Load phase "compile", where it happened', 'ms', PHASE_WHY],
  'load.phase.warm-up': ['Load phase "warm-up", where it happened', 'ms', PHASE_WHY],
  'load.provider': ['Execution provider that was chosen', 'loads', 'Who runs on a GPU, and who stopped doing so.'],
  'load.build': ['Build of the runtime that was loaded', 'loads', 'Download size and speed depend on it.'],
  'load.quantization': ['Quantization of the chosen variant', 'loads', 'Which precision answers in the field.'],
  'load.threads': ['WASM threads', 'loads', 'One thread means a page that is not cross-origin isolated.'],
  'load.fallback': [
    'Variants and providers that were tried and left, by reason',
    'considerations',
    'Broken drivers and wrong numbers show here first.',
  ],
  'load.storage': ['What became of the model bytes', 'loads', 'A refused store means a download at every visit.'],
  'run.latency': ['From the call of run to its answer, first run of a session left out', 'ms', 'What a person waits for an answer.'],
  'run.queue': ['Waiting in the worker, first run left out', 'ms', 'Too many calls for the device.'],
  'run.runtime': ['Inside the runtime, first run left out', 'ms', 'The model itself, on this provider.'],
  'run.first.latency': [
    'From the call of run to its answer, first run of a session',
    'ms',
    'Warm-up is apart so that it does not blur steady state.',
  ],
  'run.first.runtime': ['Inside the runtime, first run of a session', 'ms', 'Late compilation of kernels and shaders.'],
  'run.outcome': ['How a run ended', 'runs', 'Share of calls that get an answer.'],
  'error.load': ['Failed loads by error code', 'loads', 'What to fix first.'],
  'error.run': ['Failed runs, and workers lost while nothing ran, by error code', 'runs and losses', 'What to fix first.'],
  loss: [
    'Counts that never arrived, by reason (windows; runs for rest-expired and uncounted)',
    'windows or runs',
    'Says how much the other metrics do not know.',
  ],
  'memory.page': [
    'Memory of the page and its workers, where the browser tells, after a model was loaded',
    'bytes',
    'Pages near the limit are ended by the browser without a word.',
  ],
  'pressure.cpu': [
    'State of the processor while a model is loaded, one sample per 10 s, where the browser tells',
    'samples',
    'Slow runs on a device that is hot are not the fault of the model.',
  ],
  'load.cached-bytes': [
    'Bytes of the model that were on the device already',
    'bytes',
    'What a new version really costs a returning visit.',
  ],
};

/** A software metric as it is written down: the list of its cells, or the scale of a quantity. */
export interface SoftwareMetricSource {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly why: string;
  readonly cells: readonly string[] | LogLinearScale;
}

export function softwarePlanOf(metrics: readonly SoftwareMetricSource[]): Plan {
  return placeMetrics(
    'software',
    metrics.map(({ id, title, unit, why, cells }) => {
      const layout = 'mantissaBits' in cells ? edgedCells(scaleEdges(cells)) : { cells, edges: null };
      return { id, title, unit, why, per: 'event', of: null, role: null, ...layout };
    }),
  );
}

export const SOFTWARE_PLAN: Plan = softwarePlanOf(
  (Object.keys(SOFTWARE_LAYOUT) as SoftwareMetric[]).map((id) => {
    const [title, unit, why] = WORDS[id];
    return { id, title, unit, why, cells: SOFTWARE_LAYOUT[id] };
  }),
);
