/**
 * What a bench reports: one line per measure, ours against one other, with the goal that was set beforehand.
 *
 * Invariants
 *  - `ratio` = ours / other of the medians; smaller is better; a goal is an upper bound for it.
 *  - Samples of the contenders are interleaved, so that a slow minute of the machine hits all of them.
 */

/** Samples of one contender, all in the measure's unit. */
export interface Samples {
  readonly name: string;
  readonly values: readonly number[];
}

export interface Measure {
  readonly measure: string;
  readonly unit: string;
  readonly ours: Samples;
  readonly other: Samples;
  /** `ours / other` must not be above it; null for a number that is only to be known. */
  readonly goal: number | null;
}

/** A bench module's default export. */
export type Bench = () => Promise<readonly Measure[]>;

/** What `--json` prints, one object per line. */
export interface MeasureLine {
  readonly bench: string;
  readonly measure: string;
  readonly ours: number;
  readonly other: number;
  readonly against: string;
  readonly unit: string;
  readonly ratio: number;
  readonly goal: number | null;
  readonly holds: boolean;
}

export function lineOf(bench: string, { measure, unit, ours, other, goal }: Measure): MeasureLine {
  const ratio = median(ours.values) / median(other.values);
  return {
    bench,
    measure,
    ours: rounded(median(ours.values)),
    other: rounded(median(other.values)),
    against: other.name,
    unit,
    ratio: rounded(ratio),
    goal: goal === null ? null : rounded(goal),
    holds: goal === null || ratio <= goal,
  };
}

/** A table for people: medians with their range, the ratio and whether the goal holds. */
export function tableOf(bench: string, measures: readonly Measure[]): string {
  const rows = measures.map((measure) => {
    const line = lineOf(bench, measure);
    return [
      measure.measure,
      spread(measure.ours.values),
      `${measure.other.name}: ${spread(measure.other.values)}`,
      measure.unit,
      String(line.ratio),
      line.goal === null ? '' : `${line.holds ? 'holds' : 'MISSED'} (≤ ${line.goal})`,
    ];
  });
  const all = [['measure', 'ours', 'against', 'unit', 'ratio', 'goal'], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all
    .map((row) =>
      row
        .map((text, column) => text.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] as number) : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

function spread(values: readonly number[]): string {
  return `${rounded(median(values))} (${rounded(Math.min(...values))}–${rounded(Math.max(...values))})`;
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
