/**
 * Run overhead: from the call of `run` to its answer through the SDK, telemetry on, against a worker by hand that posts
 * messages and transfers buffers; and the longest task on the main thread during a load and 100 runs.
 *
 * Both sides run in one page, many runs each in turn, on the same number of threads, buffers transferred on both. A sample is
 * a whole turn, divided by its runs. INSITU_BENCH_TURNS shortens it.
 */
import { BenchServer } from './harness/bench-server.ts';
import { Visits } from './harness/chromium-visits.ts';
import type { Bench, Measure } from './harness/measures.ts';
import { type BenchModel, benchModels, MODELS_FOLDER } from './models/bench-models.ts';

interface Task {
  readonly goal: number;
  readonly turns: number;
  readonly runsPerTurn: number;
}

/** A tiny model shows what each message costs; a middling one must not feel it. */
const TASKS: Readonly<Record<string, Task>> = {
  tiny: { goal: 1.2, turns: 300, runsPerTurn: 100 },
  'mobilenet-int8': { goal: 1.03, turns: 60, runsPerTurn: 5 },
};
/** What a person notices as a stutter, and what the Long Tasks API calls long. */
const TASK_MS_MAX = 50;

interface Turns {
  readonly ours: readonly number[];
  readonly byHand: readonly number[];
  readonly counted: boolean;
  readonly threadCount: number;
}

const bench: Bench = async () => {
  const models = await benchModels(['tiny', 'mobilenet-int8']);
  const server = await BenchServer.start({ '/models/': MODELS_FOLDER });
  const visits = await Visits.start(server);
  try {
    const measures: Measure[] = [];
    for (const model of models) measures.push(await latency(visits, model), await longTasks(visits, model));
    return measures;
  } finally {
    await visits.close();
    await server.close();
  }
};
export default bench;

async function latency(visits: Visits, { id, title, feeds }: BenchModel): Promise<Measure> {
  const { goal, runsPerTurn, ...task } = TASKS[id] as Task;
  const turnCount = Number(process.env.INSITU_BENCH_TURNS ?? task.turns);
  const turns = await visits.visit<Turns>('run-overhead/turns.html', { model: id, feeds, turns: turnCount, runsPerTurn });
  if (!turns.counted) throw new Error(`${title}: telemetry did not count`);
  return {
    measure: `${title}, run to answer, ${turns.threadCount === 1 ? 'one thread' : `${turns.threadCount} threads`}`,
    unit: 'ms',
    ours: { name: 'insitu', values: turns.ours },
    other: { name: 'worker by hand', values: turns.byHand },
    goal,
  };
}

async function longTasks(visits: Visits, { id, title, feeds }: BenchModel): Promise<Measure> {
  const { tasks } = await visits.visit<{ tasks: readonly number[] }>('run-overhead/long-tasks.html', { model: id, feeds });
  return {
    measure: `${title}, longest main-thread task over ${TASK_MS_MAX} ms in a load and 100 runs`,
    unit: 'ms',
    ours: { name: 'insitu', values: [Math.max(0, ...tasks)] },
    other: { name: 'limit', values: [TASK_MS_MAX] },
    goal: 1,
  };
}
