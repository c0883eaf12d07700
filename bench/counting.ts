/**
 * Float32 values through our numeric kernel, against DDSketch and against a loop that only adds them up.
 *
 * DDSketch runs at the relative accuracy of a cell as wide as the design allows (4.5 %, so ± 2.25 %). The sum loop is the
 * floor: it reads every value once and keeps one number.
 */
import { runInChromium } from './harness/chromium-page.ts';
import type { Bench, Measure } from './harness/measures.ts';
import type { Case } from './pages/counting.ts';

/** Counting has to be cheap enough that nobody asks whether to switch it off: a fifteenth of the usual sketch … */
const SKETCH_GOAL = 1 / 15;
/** … no more than twice a loop that must read the values anyway … */
const SUM_GOAL = 2;
/** … below this … */
const VALUE_NS_MAX = 2;
/** … and for one tensor at the cap, folded into its cells and handed out as pairs, no more than three times that loop. */
const CAPPED_SUM_GOAL = 3;

const bench: Bench = async () => {
  const cases = await runInChromium<Case[]>('bench/pages/counting.ts');
  return cases.flatMap(({ name, isCapped, kernel, sketch, sum }): Measure[] => {
    const ours = { name: 'numeric kernel', values: kernel };
    const unit = 'ns/value';
    const sumLoop = {
      measure: name,
      unit,
      ours,
      other: { name: 'bare sum loop', values: sum },
      goal: isCapped ? CAPPED_SUM_GOAL : SUM_GOAL,
    };
    if (isCapped) return [sumLoop];
    return [
      { measure: name, unit, ours, other: { name: 'sketches-js DDSketch', values: sketch }, goal: SKETCH_GOAL },
      sumLoop,
      { measure: name, unit, ours, other: { name: 'budget', values: [VALUE_NS_MAX] }, goal: 1 },
    ];
  });
};
export default bench;
