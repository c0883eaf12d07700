/**
 * Pairs for refused runs: inputs that a model cannot take, for one reason here and for another there.
 *
 * Method: some runs of a sequence fail. Which of the reasons that lie in an input it was is drawn for each sequence apart.
 */
import type { ErrorCode } from '../../protocol/errors.ts';
import type { Run } from './binner.ts';
import { Dice } from './dice.ts';
import { type Counts, type Draw, type PairVerdict, pairOf, type Sequence, verdictOn } from './pairs.ts';
import { inputText, RepeatPattern } from './repeats.ts';

/** From docs/privacy.md: all that can be wrong with what a run is given. */
const REASONS: readonly ErrorCode[] = [
  'input-missing',
  'input-unknown',
  'tensor-type-mismatch',
  'tensor-dims-mismatch',
  'tensor-data-mismatch',
  'preprocess-failed',
  'run-failed',
];

export function refusedPairOf(draw: Draw): PairVerdict {
  const pair = pairOf(draw);
  if (typeof pair === 'string') return pair;
  const dice = new Dice(draw.seed);
  const failing = pair.first.runs.map((_, index) => index === 0 || dice.below(3) === 0);
  const refused = ({ runs, counts }: Sequence): Sequence => {
    const pattern = new RepeatPattern();
    return {
      runs: runs.map((run, index) => (failing[index] ? { ...run, failure: dice.oneOf(REASONS) } : run)),
      counts: counts.map((cells, index) => (failing[index] ? new Map() : repeated(cells, pattern.next(textOf(runs[index] as Run))))),
    };
  };
  const textOf = (run: Run) => inputText(draw.manifest, run.feeds);
  return verdictOn(refused(pair.first), refused(pair.second));
}

/** A run that failed is none that another one repeats. */
function repeated(counts: Counts, repeat: string): Counts {
  return new Map([...[...counts].filter(([cell]) => !cell.startsWith('run.repeat|')), [`run.repeat|${repeat}`, 1]]);
}
