/**
 * Overlap storm: runs, loads and closes of 20 callers at once, on WASM and WebGPU mixed, with random cancels.
 *
 * Why: raw onnxruntime-web wedges for good when two calls overlap on WebGPU; the product promises that every call ends in an
 * answer that is right, or in a code that says why not.
 *
 * Method: each caller draws its operations from a seeded source. An answer is right when it is the answer that the same provider gave to the
 * same input alone, before the storm. A cancelled call may end either way, but not otherwise and not never. The page's own clock ends a
 * storm that hangs, and names what is pending.
 *
 * Not here: what is printed and expected (test/browser/run/overlap.test.ts, test/prove/overlap.prove.test.ts).
 */
import type { Page } from '../harness/browsers.ts';

export interface StormReport {
  readonly operations: number;
  /** By kind: how many there were. */
  readonly runs: number;
  readonly batchedRuns: number;
  readonly loads: number;
  readonly closes: number;
  readonly cancels: number;
  /** What calls came to: `right`, or the code of the error. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Each with a sentence; none is expected. */
  readonly faults: readonly string[];
  readonly durationMs: number;
}

/** @param page The bare page, with WebGPU where `providers` names it. */
export function overlapStorm(page: Page, operationCount: number, seed: number, providers: readonly string[]): Promise<StormReport> {
  return page.evaluate<StormReport>(STORM, operationCount, seed, providers);
}

const STORM = `async (operationCount, seed, providers) => {
  ${'' /* mulberry32, public domain */}
  let state = seed >>> 0;
  const random = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (count) => Math.floor(random() * count);
  const CALLERS = 20;
  const VALUES = 16;
  const client = insitu.createClient();
  const load = (provider, isBatched, options) =>
    client.load(digitsUrl, { variant: 'fp32', provider, ...(isBatched ? { batch: { maxBatch: 4, maxWaitMs: 2 } } : {}), ...options });
  const isSame = (data, wanted, provider) =>
    data.length === wanted.length && wanted.every((score, at) => (provider === 'wasm' ? data[at] === score : Math.abs(data[at] - score) < 1e-4));

  const expected = {};
  const anchors = [];
  for (const provider of providers) {
    const model = await load(provider, false);
    anchors.push(model);
    expected[provider] = [];
    for (let value = 0; value < VALUES; value++) expected[provider].push(Array.from((await model.run(digit(value))).outputs.scores.data));
  }
  const report = { operations: 0, runs: 0, batchedRuns: 0, loads: 0, closes: 0, cancels: 0, outcomes: {}, faults: [], durationMs: 0 };
  const ended = (outcome) => { report.outcomes[outcome] = (report.outcomes[outcome] ?? 0) + 1; };
  const pending = new Map();

  ${'' /* One operation: it ends as right, or with a code that its kind may end with; anything else is a fault. */}
  const operate = async (what, mayEnd, signal, call) => {
    const number = ++report.operations;
    pending.set(number, what);
    try {
      const isRight = await call();
      if (isRight) ended('right');
      else report.faults.push(what + ' gave a wrong answer');
    } catch (error) {
      const code = error.code ?? error.name;
      ended(code);
      const isAllowed = mayEnd.includes(code) || (code === 'aborted' && signal?.aborted === true);
      if (!isAllowed) report.faults.push(what + ' ended with ' + code + ': ' + error.message);
    } finally {
      pending.delete(number);
    }
  };
  ${'' /* A signal that is aborted at once, in a moment, or never. */}
  const cancelled = (ratio) => {
    if (random() >= ratio) return undefined;
    report.cancels++;
    const controller = new AbortController();
    const delay = below(4);
    if (delay === 0) controller.abort();
    else if (delay === 1) queueMicrotask(() => controller.abort());
    else setTimeout(() => controller.abort(), below(20));
    return controller.signal;
  };
  const run = async (own) => {
    const value = below(VALUES);
    const signal = cancelled(0.2);
    report.runs++;
    if (own.isBatched) report.batchedRuns++;
    const mayEnd = own.isClosed ? ['model-closed'] : [];
    const name = 'run ' + value + ' on ' + own.provider + (own.isBatched ? ' in batches' : '');
    await operate(name, mayEnd, signal, async () => {
      const { outputs } = await own.model.run(digit(value), signal === undefined ? {} : { signal });
      return isSame(outputs.scores.data, expected[own.provider][value], own.provider);
    });
  };
  const caller = async () => {
    let own = null;
    while (report.operations < operationCount) {
      const dice = random();
      if (own === null || own.isClosed) {
        const [provider, isBatched, signal] = [providers[below(providers.length)], random() < 0.5, cancelled(0.1)];
        report.loads++;
        await operate('load on ' + provider, [], signal, async () => {
          own = { model: await load(provider, isBatched, signal === undefined ? {} : { signal }), provider, isBatched, isClosed: false };
          return own.model.provider === provider;
        });
      } else if (dice < 0.08) {
        report.closes++;
        const inFlight = [run(own), run(own)];
        const closing = operate('close on ' + own.provider, [], undefined, () => own.model.close().then(() => true));
        own.isClosed = true;
        await Promise.all([closing, ...inFlight, run(own)]);
      } else {
        await Promise.all(Array.from({ length: 1 + below(4) }, () => run(own)));
      }
    }
    if (own !== null && !own.isClosed) await own.model.close();
  };
  const startMs = performance.now();
  const hung = new Promise((resolve) => setTimeout(resolve, operationCount * 1000 + 60000, 'hung'));
  const done = await Promise.race([Promise.all(Array.from({ length: CALLERS }, caller)), hung]);
  if (done === 'hung') report.faults.push('hung: ' + [...pending.values()].join(', '));
  report.durationMs = Math.round(performance.now() - startMs);
  ${'' /* What was there before the storm still answers. */}
  for (const [at, provider] of providers.entries()) {
    const { outputs } = await anchors[at].run(digit(3));
    if (!isSame(outputs.scores.data, expected[provider][3], provider)) report.faults.push('after the storm ' + provider + ' gives a wrong answer');
  }
  await client.close();
  return report;
}`;
