/**
 * Batching: time per run of 16 concurrent callers of digits with `batch`, against one caller that waits for each answer.
 *
 * Milliseconds per run and not runs per second, because a ratio below 1 is better everywhere here: three times the runs
 * per second is a third of the time per run.
 */
import { BenchServer } from './harness/bench-server.ts';
import { Visits } from './harness/chromium-visits.ts';
import type { Bench } from './harness/measures.ts';
import { benchModels, MODELS_FOLDER } from './models/bench-models.ts';

const CALLER_COUNT = 16;
const TURN_COUNT = 9;
const TURN_MS = 500;
const GOAL = 1 / 3;

interface Rates {
  readonly oneByOne: readonly number[];
  readonly unbatched: readonly number[];
  readonly batched: readonly number[];
  readonly text: string;
}

const bench: Bench = async () => {
  const [model] = await benchModels(['digits']);
  if (model === undefined) throw new Error('no model');
  const server = await BenchServer.start({ '/models/': MODELS_FOLDER });
  const visits = await Visits.start(server);
  try {
    const parameters = { model: model.id, feeds: model.feeds, callers: CALLER_COUNT, turns: TURN_COUNT, turnMs: TURN_MS };
    const { oneByOne, unbatched, batched, text } = await visits.visit<Rates>('batching/callers.html', parameters);
    process.stderr.write(`${text}\n`);
    const times = (rates: readonly number[]) => rates.map((rate) => 1000 / rate);
    const ours = { name: `${CALLER_COUNT} callers, batched`, values: times(batched) };
    const measure = `${model.title}, ${CALLER_COUNT} callers, batched`;
    return [
      { measure, unit: 'ms/run', ours, other: { name: 'one by one', values: times(oneByOne) }, goal: GOAL },
      { measure, unit: 'ms/run', ours, other: { name: `${CALLER_COUNT} callers, not batched`, values: times(unbatched) }, goal: null },
    ];
  } finally {
    await visits.close();
    await server.close();
  }
};
export default bench;
