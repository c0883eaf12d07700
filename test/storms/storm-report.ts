/**
 * What became of every run of a storm (browser-storm.ts), what must hold of it, and how it is printed.
 */
import type { Engine } from '../harness/browsers.ts';

export interface StormReport {
  readonly engine: Engine;
  readonly seed: number;
  /** Data windows that were posted at least once. */
  readonly windows: number;
  readonly runs: number;
  readonly sealedRuns: number;
  readonly acceptedRuns: number;
  /** Runs that a page counted and that were never in a committed record or an answered report. */
  readonly lostBeforeSealing: number;
  readonly clearedRuns: number;
  readonly refusedRuns: number;
  readonly restRuns: number;
  /** These three are to be empty. */
  readonly doubled: readonly number[];
  readonly gone: readonly number[];
  readonly inPart: readonly string[];
  /** Windows that the collector refused alone, and what the loss counters that arrived say of them. */
  readonly refusedWindows: number;
  readonly countedLosses: number;
  /** How often each fault happened. */
  readonly faults: Readonly<Record<string, number>>;
}

/** What must hold, of a report with anything in it. */
export function expectExactlyOnce({ doubled, gone, inPart, countedLosses, refusedWindows }: StormReport): void {
  const found = { doubled, gone, inPart, lossesTooMany: Math.max(0, countedLosses - refusedWindows) };
  const sound = { doubled: [], gone: [], inPart: [], lossesTooMany: 0 };
  if (JSON.stringify(found) !== JSON.stringify(sound)) throw new Error(`not exactly once: ${JSON.stringify(found)}`);
}

export function tableOf(report: StormReport): string {
  const { engine, seed, windows, runs, sealedRuns, acceptedRuns, lostBeforeSealing, clearedRuns, refusedRuns, restRuns } = report;
  const share = ((100 * lostBeforeSealing) / Math.max(1, runs)).toFixed(1);
  const faults = Object.entries(report.faults).map(([name, count]) => `${name} ${count}`);
  return [
    `${engine}, seed ${seed}: ${windows} windows, ${runs} runs, ${sealedRuns} sealed, ${acceptedRuns} counted`,
    `  lost before sealing ${lostBeforeSealing} (${share} %), cleared ${clearedRuns}, refused ${refusedRuns}, resting ${restRuns}`,
    `  counted twice ${report.doubled.length}, gone ${report.gone.length}, in part ${report.inPart.length}; refused alone ${report.refusedWindows}, told as lost ${report.countedLosses}`,
    `  ${faults.join(', ')}`,
  ].join('\n');
}
