/**
 * Own load: how the collector itself does, counted by it since its start.
 *
 * Invariants
 *  - Labels are routes of the router, statuses that it answered, and closed lists: nothing of a request is a label.
 *  - Counting a request or a commit is an addition in memory.
 *
 * Not here: what pages reported (page-families.ts).
 */
import { LOOP_SAMPLE_MS } from '../../protocol/read/export-limits.ts';
import type { CommitTold, Waiting } from '../intake/group-commit.ts';
import { type HistogramPoint, type Labels, type MetricFamily, NO_LABELS, type NumberFamily } from './family.ts';

/** Seconds: 1 ms to 16 s, a bound at each doubling. */
const BOUNDS = Array.from({ length: 15 }, (_, index) => 2 ** index / 1_000);

const METHODS = ['GET', 'HEAD', 'POST', 'OPTIONS'];

/** What lies outside of the process's memory; null where nobody knows. */
export interface Disk {
  /** What the database takes. */
  readonly storeBytes: number | null;
  readonly freeBytes: number | null;
}

interface LoadFacts {
  readonly waiting: Waiting;
  readonly disk: Disk;
  readonly modelCount: number;
  readonly listenerCount: number;
  /** By reason. */
  readonly refusedCounts: ReadonlyMap<string, number>;
}

class Durations {
  readonly counts = new Array<number>(BOUNDS.length + 1).fill(0);

  add(seconds: number): void {
    const at = BOUNDS.findIndex((bound) => seconds < bound);
    const index = at < 0 ? BOUNDS.length : at;
    this.counts[index] = (this.counts[index] as number) + 1;
  }
}

export class OwnLoad {
  private readonly release: string;
  private readonly startMs: number;
  private readonly answers = new Map<string, { readonly labels: Labels; count: number }>();
  private readonly commits = new Durations();
  private readonly loopDelays = new Durations();
  private failedCount = 0;
  private readonly windowCounts = { stored: 0, duplicate: 0, failed: 0 };
  private timer: NodeJS.Timeout | null = null;

  /** @param nowMs Milliseconds since 1970, its start. */
  constructor(release: string, nowMs: number) {
    this.release = release;
    this.startMs = nowMs;
  }

  /** @param route As the router names it. */
  answered(asked: string, route: string, status: number): void {
    const method = METHODS.includes(asked) ? asked : 'other';
    const key = `${method} ${route} ${status}`;
    const counted = this.answers.get(key);
    if (counted === undefined) this.answers.set(key, { labels: { method, route, status: String(status) }, count: 1 });
    else counted.count++;
  }

  committed({ durationMs, outcomes }: CommitTold): void {
    this.commits.add(durationMs / 1_000);
    if (outcomes.includes('failed')) this.failedCount++;
    for (const outcome of outcomes) this.windowCounts[outcome]++;
  }

  /** @param elapsedMs By the monotonic clock. @returns The way to stop. */
  watchLoop(elapsedMs: () => number): () => void {
    let dueMs = elapsedMs() + LOOP_SAMPLE_MS;
    this.timer = setInterval(() => {
      const nowMs = elapsedMs();
      this.loopDelays.add(Math.max(0, nowMs - dueMs) / 1_000);
      dueMs = nowMs + LOOP_SAMPLE_MS;
    }, LOOP_SAMPLE_MS);
    this.timer.unref();
    return () => clearInterval(this.timer ?? undefined);
  }

  families({ waiting, disk, modelCount, listenerCount, refusedCounts }: LoadFacts): MetricFamily[] {
    const { startMs } = this;
    const numbers = (
      kind: NumberFamily['kind'],
      [name, help]: readonly [string, string],
      points: readonly (readonly [Labels, number])[],
    ) => {
      const unit = name.endsWith('_bytes') ? 'bytes' : name.endsWith('_seconds') ? 'seconds' : null;
      return { name, help, unit, kind, points: points.map(([labels, value]) => ({ shared: NO_LABELS, labels, value, startMs })) } as const;
    };
    const gauge = (name: string, help: string, value: number | null) => numbers('gauge', [name, help], value === null ? [] : [[{}, value]]);
    const histogram = (name: string, help: string, { counts }: Durations) => {
      const point: HistogramPoint = { shared: NO_LABELS, labels: {}, bounds: BOUNDS, counts: [...counts], startMs };
      return { name, help, unit: 'seconds', kind: 'histogram', points: [point] } as const;
    };
    const lanes = (key: keyof Waiting['light']): (readonly [Labels, number])[] => [
      [{ lane: 'light' }, waiting.light[key]],
      [{ lane: 'heavy' }, waiting.heavy[key]],
    ];
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    return [
      numbers('gauge', ['insitu_collector_release', 'Always 1; the label is the release of insitu.'], [[{ release: this.release }, 1]]),
      numbers(
        'counter',
        ['insitu_collector_requests', 'Requests by route and answer.'],
        [...this.answers.values()].map(({ labels, count }) => [labels, count] as const),
      ),
      numbers(
        'counter',
        ['insitu_collector_windows', 'Windows of reports that were accepted: stored, counted before, or lost to a failing store.'],
        Object.entries(this.windowCounts).map(([outcome, count]) => [{ outcome }, count] as const),
      ),
      numbers(
        'counter',
        ['insitu_collector_refused_reports', 'Reports that were refused, by reason. Pages keep those that may be right later.'],
        [...refusedCounts].map(([reason, count]) => [{ reason }, count] as const),
      ),
      numbers('counter', ['insitu_collector_failed_commits', 'Groups that the store refused.'], [[{}, this.failedCount]]),
      histogram('insitu_collector_commit_seconds', 'Durations of group commits.', this.commits),
      numbers('gauge', ['insitu_collector_waiting_windows', 'Windows that wait for their commit.'], lanes('windowCount')),
      numbers('gauge', ['insitu_collector_waiting_cells', 'Cells that wait for their commit.'], lanes('cellCount')),
      histogram('insitu_collector_event_loop_delay_seconds', 'How late a timer of the collector was.', this.loopDelays),
      gauge('insitu_collector_models', 'Registered model versions.', modelCount),
      gauge('insitu_collector_live_listeners', 'Dashboards that listen.', listenerCount),
      gauge('insitu_collector_store_bytes', 'Size of the database on disk.', disk.storeBytes),
      gauge('insitu_collector_disk_free_bytes', 'Free space where the database lies.', disk.freeBytes),
      gauge('insitu_collector_heap_bytes', 'JavaScript objects of the collector.', heapUsed),
      gauge('process_resident_memory_bytes', 'Memory of the collector, the database included.', rss),
      numbers('counter', ['process_cpu_seconds', 'Processor time of the collector.'], [[{}, (user + system) / 1e6]]),
      gauge('process_start_time_seconds', 'When the collector started, seconds since 1970.', startMs / 1_000),
    ];
  }
}
