/**
 * A camera frame as a tensor: our resize, to Pillow's bytes, against what pages write by hand, a canvas that resizes and a loop that normalises.
 *
 * The canvas does less: its filter is the engine's own, differs between engines, and is not what the model was trained on.
 */
import { runInChromium } from './harness/chromium-page.ts';
import type { Bench, Measure } from './harness/measures.ts';
import type { Case } from './pages/preprocess.ts';

/** Half of the time between two frames at 30 a second: the other half is the model's. */
const FRAME_MS_MAX = 16;

const bench: Bench = async () => {
  const cases = await runInChromium<Case[]>('bench/pages/preprocess.ts');
  return cases.flatMap(({ name, isFrame, ours, canvas }): Measure[] => {
    const own = { name: 'insitu', values: ours };
    const against: Measure = { measure: name, unit: 'ms', ours: own, other: { name: 'canvas and a loop', values: canvas }, goal: null };
    return isFrame
      ? [against, { measure: name, unit: 'ms', ours: own, other: { name: 'budget', values: [FRAME_MS_MAX] }, goal: 1 }]
      : [against];
  });
};
export default bench;
