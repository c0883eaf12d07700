/**
 * Many runs: batch prediction over iterables, streams that drop what is stale, warm-up, models side by side.
 */
import { expect } from 'vitest';
import { type Outcome, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';

browserTest('runMany gives each item its outcome in order, an item that fails included, and tells how far it is', async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate(`async () => {
      const model = await insitu.createClient().load(digitsUrl);
      const expected = [];
      for (let value = 0; value < 30; value++) expected.push(value % 7 === 3 ? 'tensor-dims-mismatch' : Array.from((await model.run(digit(value))).outputs.scores.data).join());
      const progress = [];
      const items = Array.from({ length: 30 }, (_, value) => (value % 7 === 3 ? { image: { data: [1], dims: [1] } } : digit(value)));
      const told = [];
      for await (const each of model.runMany(items, { concurrency: 5, onProgress: (step) => progress.push(step) })) {
        told[each.index] = each.ok ? Array.from(each.result.outputs.scores.data).join() : each.error.code;
        if (each.index !== told.length - 1) throw new Error('out of order');
      }
      return { same: JSON.stringify(told) === JSON.stringify(expected), count: progress.length, last: progress.at(-1) };
    }`);
    expect(answer).toEqual({ same: true, count: 30, last: { doneCount: 30, failedCount: 4, totalCount: 30 } });
  });
});

browserTest('runMany pulls its source only as outcomes are taken, and closes it when the caller leaves', async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate(`async () => {
      const model = await insitu.createClient().load(digitsUrl);
      let [pulled, isClosed] = [0, false];
      async function* endless() {
        try { for (;;) { pulled++; yield digit(pulled % 16); } } finally { isClosed = true; }
      }
      const most = [];
      let taken = 0;
      for await (const each of model.runMany(endless(), { concurrency: 3 })) {
        if (!each.ok) throw each.error;
        taken++;
        await new Promise((resolve) => setTimeout(resolve, 20));
        most.push(pulled - taken);
        if (taken === 10) break;
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
      return { ahead: Math.max(...most), isClosed, next: (await model.run(digit(1))).outputs.scores.dims };
    }`);
    expect(answer).toEqual({ ahead: 3, isClosed: true, next: [1, 10] });
  });
});

browserTest(
  'runMany ends with aborted at its signal, gives what its source throws after what came before, and refuses what it cannot use',
  ['chromium'],
  async ({ page }) => {
    await withServer(page, async () => {
      const answer = await page.evaluate<unknown[]>(`async () => {
      const client = insitu.createClient();
      const [model, other] = [await client.load(digitsUrl), await client.load(digitsUrl)];
      const controller = new AbortController();
      const indices = [];
      const aborted = await outcome(async () => {
        for await (const { index } of model.runMany(Array.from({ length: 50 }, () => digit()), { signal: controller.signal })) {
          indices.push(index);
          if (index === 2) controller.abort();
        }
      });
      function* broken() { yield digit(1); yield digit(2); throw new RangeError('no more'); }
      const before = [];
      const failed = await outcome(async () => { for await (const { index, ok } of model.runMany(broken())) before.push([index, ok]); });
      const unordered = [];
      for await (const { index } of model.runMany(new Set([digit(1), digit(2), digit(3)]), { ordered: false })) unordered.push(index);
      const refused = [await outcome(() => model.runMany(7)), await outcome(() => model.runMany([], { concurrency: 0 })), await outcome(() => model.stream([digit()]))];
      const closing = [];
      for await (const each of model.runMany([digit(), digit(), digit()], { concurrency: 1 })) { closing.push(each.ok ? 'ran' : each.error.code); await model.close(); }
      return [aborted.code, indices, failed.code, before, unordered.sort(), refused.map(({ code, details }) => code + ' ' + details.option), closing];
    }`);
      expect(answer).toEqual([
        'aborted',
        [0, 1, 2],
        'RangeError',
        [
          [0, true],
          [1, true],
        ],
        [0, 1, 2],
        ['invalid-option source', 'invalid-option concurrency', 'invalid-option source'],
        ['ran', 'ran', 'model-closed'],
      ]);
    });
  },
);

browserTest('a model with batches keeps them full while runMany feeds it', ['chromium'], async ({ page }) => {
  await withServer(page, async () => {
    const sizes = await page.evaluate<number[]>(`async () => {
      const model = await insitu.createClient().load(digitsUrl, { batch: { maxBatch: 8, maxWaitMs: 1000 } });
      const sizes = [];
      workers.at(-1).addEventListener('message', ({ data }) => sizes.push(Array.isArray(data) ? data.length : 1));
      let count = 0;
      for await (const each of model.runMany(Array.from({ length: 64 }, (_, value) => digit(value % 16)))) if (each.ok) count++;
      await new Promise((resolve) => setTimeout(resolve, 0));
      return [count, ...sizes];
    }`);
    expect(sizes[0]).toBe(64);
    expect(sizes.slice(1).reduce((sum, size) => sum + size, 0)).toBe(64);
    expect(Math.max(...sizes.slice(1))).toBe(8);
  });
});

// Method: frames are pushed by the test itself, so that which one is the newest at each run is known and not a matter of speed.
browserTest('a stream runs the newest frame and drops those that it has overtaken, telling whose they were', async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate(`async () => {
      const model = await insitu.createClient().load(digitsUrl);
      const queue = []; let wake = () => undefined; let isClosed = false;
      const source = { [Symbol.asyncIterator]: () => ({
        async next() { while (queue.length === 0) await new Promise((resolve) => { wake = resolve; }); return queue.shift(); },
        async return() { isClosed = true; return { done: true, value: undefined }; },
      }) };
      const push = (value) => { queue.push(value === null ? { done: true, value: undefined } : { done: false, value: digit(value) }); wake(); };
      const settle = () => new Promise((resolve) => setTimeout(resolve, 50));
      const dropped = [];
      const stream = model.stream(source, { onDrop: (feeds, index) => dropped.push([index, feeds.image.data[0]]) });
      push(1);
      const first = await stream.next();
      for (const value of [2, 3, 4, 5]) push(value);
      await settle();
      const second = await stream.next();
      push(6);
      const third = await stream.next();
      push(7);
      push(null);
      await settle();
      const [fourth, end] = [await stream.next(), await stream.next()];
      const scores = ({ value }) => Array.from(value.result.outputs.scores.data).join();
      const expected = await Promise.all([1, 5, 6, 7].map(async (value) => Array.from((await model.run(digit(value))).outputs.scores.data).join()));
      return {
        told: [first, second, third, fourth].map(({ value }) => [value.index, value.droppedCount]),
        same: [first, second, third, fourth].every((each, at) => scores(each) === expected[at]),
        dropped, end, isClosed,
      };
    }`);
    expect(answer).toEqual({
      told: [
        [0, 0],
        [4, 3],
        [5, 3],
        [6, 3],
      ],
      same: true,
      dropped: [
        [1, 2],
        [2, 3],
        [3, 4],
      ],
      end: { done: true },
      isClosed: false,
    });
  });
});

browserTest(
  'a stream ends with its source, at its signal and at break, keeps going after an error unless told otherwise, and leaves nothing behind',
  async ({ page }) => {
    await withServer(page, async () => {
      const answer = await page.evaluate<unknown[]>(`async () => {
      const model = await insitu.createClient().load(digitsUrl);
      const frames = (values) => () => { const value = values.shift(); return value === undefined ? null : value === 'odd' ? { image: { data: [1], dims: [1] } } : digit(value); };
      const told = async (source, options, each = () => undefined) => {
        const seen = [];
        const ended = await outcome(async () => { for await (const one of model.stream(source, options)) { seen.push(one.ok ? one.index : one.error.code); if (each(one) === 'break') break; } });
        return [...seen, ended.code ?? 'ended'];
      };
      const controller = new AbortController();
      let isClosed = false;
      async function* camera() { try { for (let value = 0; ; value++) { yield digit(value % 16); await new Promise((resolve) => setTimeout(resolve, 1)); } } finally { isClosed = true; } }
      const answers = [
        await told(frames([1, 2, 'odd', 3]), {}),
        await told(frames([1, 'odd', 3]), { onError: 'throw' }),
        await told(frames([1, 2, 3]), {}, ({ index }) => (index === 1 ? 'break' : '')),
        await told(frames([1, 2, 3, 4]), { signal: controller.signal }, ({ index }) => index === 1 && controller.abort()),
        await told(frames([1]), { signal: AbortSignal.abort() }),
        await told(() => { throw new RangeError('no camera'); }, {}),
      ];
      let count = 0;
      for await (const { ok } of model.stream(camera())) if (ok && ++count === 5) break;
      await new Promise((resolve) => setTimeout(resolve, 30));
      await model.close();
      return [...answers, [count, isClosed], await told(frames([1]), {})];
    }`);
      expect(answer).toEqual([
        [0, 1, 'tensor-dims-mismatch', 3, 'ended'],
        [0, 'tensor-dims-mismatch'],
        [0, 1, 'ended'],
        [0, 1, 'ended'],
        ['ended'],
        ['RangeError'],
        [5, true],
        ['model-closed'],
      ]);
    });
  },
);

browserTest('a frame that comes when the stream has ended is dropped like any other, pulled or pushed', ['chromium'], async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate<unknown[]>(`async () => {
      const model = await insitu.createClient().load(digitsUrl);
      const settle = () => new Promise((resolve) => setTimeout(resolve, 20));
      const dropped = async (how, sourceOf) => {
        const frames = []; const seen = []; const controller = new AbortController();
        const frame = new Promise((resolve) => frames.push(() => resolve(digit(7))));
        const stream = model.stream(sourceOf(frame), { signal: controller.signal, onDrop: (feeds, index) => seen.push([index, feeds.image.data[0]]) });
        const next = stream.next();
        await settle();
        if (how === 'late') { controller.abort(); frames[0](); }
        ${'' /* The frame is there, and the stream has not looked at it yet. */}
        if (how === 'just') { frames[0](); await frame; controller.abort(); }
        const { done } = await next;
        await settle();
        return [done, ...seen];
      };
      const pulled = (frame) => () => frame;
      const pushed = (frame) => (async function* () { yield await frame; await new Promise(() => undefined); })();
      return [await dropped('late', pulled), await dropped('just', pulled), await dropped('late', pushed), await dropped('just', pushed)];
    }`);
    expect(answer).toEqual(Array(4).fill([true, [0, 7]]));
  });
});

browserTest('a source that always has a frame does not hold up the page', ['chromium'], async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate<{ count: number; ticks: number }>(`async () => {
      const model = await insitu.createClient().load(digitsUrl);
      async function* greedy() { for (let value = 0; ; value++) yield digit(value % 16); }
      let [count, ticks] = [0, 0];
      const timer = setInterval(() => ticks++, 0);
      const endMs = performance.now() + 300;
      for await (const { ok } of model.stream(greedy())) { if (ok) count++; if (performance.now() > endMs) break; }
      clearInterval(timer);
      return { count, ticks };
    }`);
    expect(answer.count).toBeGreaterThan(3);
    expect(answer.ticks).toBeGreaterThan(3);
  });
});

browserTest('a warm-up runs once, is not counted, and asks for dims that nobody can guess', ['chromium'], async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate<unknown[]>(`async () => {
      const client = insitu.createClient({ collector: { url: location.origin, key: 'key' }, consent: 'granted' });
      const model = await client.load(digitsUrl);
      const times = [await model.warmUp(), await model.warmUp({ image: { data: new Float32Array(256), dims: [4, 1, 8, 8] } })];
      await new Promise((resolve) => setTimeout(resolve, 20));
      const openRuns = client.telemetry.status().openRuns;
      const refused = await outcome(() => model.warmUp(digit(), { timeoutMs: 0 }));
      return [times.every((ms) => ms > 0), openRuns, refused.code];
    }`);
    expect(answer).toEqual([true, 0, 'invalid-option']);
  });
});

browserTest(
  'feeds, signals and deadlines that are none are refused with a code, and a run with one in the past is never sent',
  ['chromium'],
  async ({ page }) => {
    await withServer(page, async () => {
      const codes = await page.evaluate<Outcome<unknown>['ok'][]>(`async () => {
      const model = await insitu.createClient().load(digitsUrl);
      let sent = 0;
      const post = workers.at(-1).postMessage;
      workers.at(-1).postMessage = function (...args) { sent++; return post.apply(this, args); };
      const run = (...args) => outcome(() => model.run(...args).then(() => 'ran')).then(({ code }) => code ?? 'ran');
      const codes = [await run(), await run(null), await run(7), await run([]), await run({ image: null }), await run(digit(), { signal: {} }),
        await run(digit(), { timeoutMs: 0 }), await run(digit(), { timeoutMs: -1 }), await run(digit(), { timeoutMs: Number.NaN }), await run(digit(), { timeoutMs: 'soon' }),
        await run(digit(), { signal: AbortSignal.abort() })];
      return [...codes, sent, await run(digit(), { timeoutMs: Infinity })];
    }`);
      expect(codes).toEqual([
        'invalid-option',
        'invalid-option',
        'invalid-option',
        'input-missing',
        'input-missing',
        ...Array(5).fill('invalid-option'),
        'aborted',
        0,
        'ran',
      ]);
    });
  },
);

browserTest('five models side by side answer twenty callers each, every one with its own scores', async ({ page }) => {
  await withServer(page, async () => {
    const answer = await page.evaluate(`async () => {
      const client = insitu.createClient();
      const models = [];
      for (const variant of ['int8', 'fp32', 'int8', 'fp16', 'fp32']) models.push(await client.load(digitsUrl, { variant, provider: 'wasm' }));
      const scores = async (model, value) => Array.from((await model.run(digit(value))).outputs.scores.data).join();
      const expected = [];
      for (const model of models) { const own = []; for (let value = 0; value < 20; value++) own.push(await scores(model, value)); expected.push(own.join(' ')); }
      const mixed = await Promise.all(Array.from({ length: 100 }, (_, at) => scores(models[at % 5], Math.floor(at / 5))));
      const same = models.every((_, index) => mixed.filter((_, at) => at % 5 === index).join(' ') === expected[index]);
      return [same, await liveWorkers()];
    }`);
    expect(answer).toEqual([true, 1]);
  });
});
