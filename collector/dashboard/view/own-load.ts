/**
 * The collector's own load, out of what it tells Prometheus: requests, what waits, commits, disk and memory. Pure.
 *
 * Invariants
 *  - A line that is not understood is passed over: a later release has more of them.
 *
 * Source: Prometheus text exposition 0.0.4.
 */
import { bytes, ms, whole } from '../charts/figures.ts';
import { spanText } from './when.ts';

interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface LoadFigure {
  readonly title: string;
  readonly value: string;
  readonly detail: string;
}

export interface RouteRow {
  readonly route: string;
  readonly status: string;
  readonly count: number;
}

/** Of the families of the collector itself alone. */
export function samplesOf(text: string): readonly Sample[] {
  return text.split('\n').flatMap((line) => {
    const found = /^((?:insitu_collector|process)_\w+)(?:\{(.*)\})? (\S+)/.exec(line);
    if (found === null) return [];
    const [, name = '', labels = '', value = ''] = found;
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key = '', text = '']) => [key, text.replace(/\\(.)/g, '$1')]);
    return [{ name, labels: Object.fromEntries(pairs) as Record<string, string>, value: Number(value) }];
  });
}

export function loadFigures(samples: readonly Sample[], nowMs: number): readonly LoadFigure[] {
  const all = (name: string) => samples.filter((sample) => sample.name === name);
  const sumOf = (name: string, labels: Readonly<Record<string, string>> = {}) => {
    const among = all(name).filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value));
    return among.length === 0 ? null : among.reduce((sum, { value }) => sum + value, 0);
  };
  const say = (value: number | null, words: (value: number) => string = whole) => (value === null ? '–' : words(value));
  const startS = sumOf('process_start_time_seconds');
  const commits = sumOf('insitu_collector_commit_seconds_count');
  return [
    {
      title: 'Running for',
      value: startS === null ? '–' : spanText(Math.max(0, nowMs - startS * 1_000)),
      detail: `release ${all('insitu_collector_release')[0]?.labels.release ?? 'unknown'}`,
    },
    {
      title: 'Windows counted',
      value: say(sumOf('insitu_collector_windows_total', { outcome: 'stored' })),
      detail: `${say(sumOf('insitu_collector_windows_total', { outcome: 'duplicate' }))} sent twice, ${say(sumOf('insitu_collector_windows_total', { outcome: 'failed' }))} lost to the store`,
    },
    { title: 'Waiting', value: say(sumOf('insitu_collector_waiting_windows')), detail: 'windows, for their commit' },
    {
      title: 'Commit, p95',
      value: ms(quantileMs(all('insitu_collector_commit_seconds_bucket'), 0.95)),
      detail: `${say(commits)} commits, ${say(sumOf('insitu_collector_failed_commits_total'))} failed`,
    },
    {
      title: 'Loop delay, p95',
      value: ms(quantileMs(all('insitu_collector_event_loop_delay_seconds_bucket'), 0.95)),
      detail: 'how late it turns to the next thing',
    },
    {
      title: 'Database',
      value: bytes(sumOf('insitu_collector_store_bytes')),
      detail: `${bytes(sumOf('insitu_collector_disk_free_bytes'))} free on its disk`,
    },
    {
      title: 'Memory',
      value: bytes(sumOf('process_resident_memory_bytes')),
      detail: `${bytes(sumOf('insitu_collector_heap_bytes'))} of it objects`,
    },
    { title: 'Dashboards', value: say(sumOf('insitu_collector_live_listeners')), detail: 'listen to live updates' },
  ];
}

/** Requests by route and status, the most first. */
export function routeRows(samples: readonly Sample[]): readonly RouteRow[] {
  const requests = samples.filter(({ name }) => name === 'insitu_collector_requests_total');
  const rows = requests.map(({ labels, value }) => ({
    route: `${labels.method} ${labels.route}`,
    status: labels.status ?? '',
    count: value,
  }));
  return rows.sort((one, other) => other.count - one.count);
}

/** Upper bound of the bucket that holds it, in milliseconds; null without any, or beyond the last bound. */
function quantileMs(buckets: readonly Sample[], q: number): number | null {
  const rising = buckets
    .map(({ labels, value }) => ({ bound: labels.le === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels.le), count: value }))
    .sort((one, other) => one.bound - other.bound);
  const total = rising.at(-1)?.count ?? 0;
  const found = rising.find(({ count }) => count >= q * total);
  return total === 0 || found === undefined || !Number.isFinite(found.bound) ? null : found.bound * 1_000;
}
