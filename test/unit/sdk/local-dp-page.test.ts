/** The level `local-dp` in a page: what leaves, when, and what never does. */
import { expect, test } from 'vitest';
import { LOCAL_DP_EPOCH_HOURS, LOCAL_DP_TICK_MS } from '../../../protocol/limits.ts';
import { decodeBody } from '../../../protocol/report/report.ts';
import { epochStartMs } from '../../../sdk/local-dp/epsilon-ledger.ts';
import { HOUR, MODEL, settled, World } from '../../storms/epsilon-world.ts';

const EPOCH = LOCAL_DP_EPOCH_HOURS * HOUR;
const RUN = Uint32Array.from([3, 1, 20, 1]);

/** A world whose ledger is older than its quarantine and owes nothing, at the start of an epoch. */
async function settledWorld(seed: number): Promise<World> {
  const world = new World(seed);
  const first = world.openTab([]);
  await first.tick();
  await first.end();
  const { ledger } = world.state;
  world.nowMs = epochStartMs(ledger, ledger.epochIndex + 1);
  return world;
}

test('one report leaves per epoch, of the same length at the same time, with 0, 1 or 1,000 runs', async () => {
  const seen = new Set<string>();
  for (const runCount of [0, 1, 1_000]) {
    const world = await settledWorld(1);
    const tab = world.openTab();
    tab.start();
    await settled();
    for (let run = 0; run < runCount; run++) {
      tab.ran(MODEL.modelVersion, RUN);
      await settled();
    }
    await world.pass(EPOCH - 1);
    expect(world.posts).toHaveLength(1);
    seen.add(world.posts.map(({ atMs, body }) => `${atMs} ${body.length}`).join());
  }
  expect(seen.size).toBe(1);
});

test('eight epochs give eight reports of one length, and the ninth and tenth of the quarter none', async () => {
  const world = await settledWorld(2);
  world.openTab().start();
  await world.pass(8 * EPOCH - 1);
  expect(world.posts).toHaveLength(8);
  await world.pass(2 * EPOCH);
  expect(world.posts).toHaveLength(8);
  expect(new Set(world.posts.map(({ id }) => id)).size).toBe(8);
  expect(new Set(world.posts.map(({ body }) => body.length))).toEqual(new Set([38 + Math.ceil(MODEL.plan.cellCountMax / 8)]));
});

test('a report says version, plan, day, which feature was asked, and one answer', async () => {
  const world = await settledWorld(3);
  const tab = world.openTab();
  tab.start();
  tab.ran(MODEL.modelVersion, RUN);
  await world.pass(EPOCH - 1);
  const verdict = decodeBody(world.posts[0]?.body as Uint8Array);
  if (!verdict.ok) throw new Error(verdict.reason);
  const { modelVersion, windows } = verdict.body;
  expect(modelVersion).toBe(MODEL.modelVersion);
  expect(windows[0]).not.toHaveProperty('mark');
  expect(windows).toHaveLength(1);
  const [window] = windows;
  expect(window).toMatchObject({ report: 'noised', plan: MODEL.planHash, arm: 'stable', segment: 0, runs: 1 });
  expect(window?.hour).toBe(Math.floor((world.posts[0]?.atMs as number) / (24 * HOUR)) * 24);
  const feature = MODEL.plan.features[window?.cells[0] as number];
  expect([...(window?.cells ?? [])].slice(1).every((cell) => cell >= (feature?.offset ?? 0))).toBe(true);
});

test('a run makes no request and moves none, even when the report is due', async () => {
  const world = await settledWorld(4);
  const tab = world.openTab();
  await tab.tick();
  world.nowMs = (world.state.ledger.dueMs as number) + 1;
  for (let run = 0; run < 50; run++) tab.ran(MODEL.modelVersion, RUN);
  await settled();
  expect(world.posts).toHaveLength(0);
  await tab.tick();
  expect(world.posts).toHaveLength(1);
});

test('of the runs only noised bits and keys are stored, and after the report nothing', async () => {
  const world = await settledWorld(5);
  const tab = world.openTab();
  tab.start();
  for (let run = 0; run < 20; run++) tab.ran(MODEL.modelVersion, RUN);
  await settled();
  const [kept] = world.state.answers;
  expect(Object.keys(kept ?? {}).sort()).toEqual(
    ['answer', 'cellCountMax', 'epochIndex', 'feature', 'microEps', 'modelKey', 'modelVersion', 'offset', 'planHash', 'runKey'].sort(),
  );
  await world.pass(EPOCH - 1);
  tab.ran(MODEL.modelVersion, RUN);
  await settled();
  expect(world.state.answers).toEqual([]);
  expect(world.state.outgoing).toEqual([]);
});

test('a due time that passes while the site is closed is made up for by the next visit, in the next epoch too', async () => {
  const world = await settledWorld(6);
  const visit = world.openTab();
  await visit.tick();
  await visit.end();
  world.nowMs += EPOCH;
  await world.openTab([]).tick();
  expect(world.posts).toHaveLength(1);
});

test('a report that is not taken is posted again byte for byte until it is, and not before its time', async () => {
  const world = await settledWorld(7);
  world.status = 503;
  world.openTab().start();
  await world.pass(EPOCH);
  world.status = 204;
  await world.pass(2 * 24 * HOUR);
  const first = world.posts.filter(({ id }) => id === world.posts[0]?.id);
  expect(first.length).toBeGreaterThan(3);
  expect(new Set(first.map(({ body }) => Buffer.from(body).toString('hex'))).size).toBe(1);
  const gaps = first.slice(1).map(({ atMs }, index) => atMs - (first[index]?.atMs as number));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(LOCAL_DP_TICK_MS);
});

test('a refused report is dropped and its ε stays spent', async () => {
  const world = await settledWorld(8);
  world.status = 400;
  world.openTab().start();
  await world.pass(EPOCH - 1);
  expect(world.posts).toHaveLength(1);
  expect(world.state.ledger.spentMicroEps).toBe(MODEL.plan.microEps);
  expect(world.complaints).toContain('report-refused');
});

test('a vetoed report is dropped and its ε stays spent', async () => {
  const world = await settledWorld(9);
  world.isVetoed = true;
  world.openTab().start();
  await world.pass(EPOCH - 1);
  expect(world.posts).toHaveLength(0);
  expect(world.state.outgoing).toEqual([]);
  expect(world.state.ledger.spentMicroEps).toBe(MODEL.plan.microEps);
});

test('ten tabs send one report together', async () => {
  const world = await settledWorld(10);
  for (let tab = 0; tab < 10; tab++) world.openTab().start();
  await world.pass(EPOCH - 1);
  expect(world.posts).toHaveLength(1);
});

test('nothing is sent where storage fails, randomness is missing, or the person has said no', async () => {
  const broken: ((world: World) => void)[] = [
    (world) => {
      world.fault = 'fails';
    },
    (world) => {
      world.isRandomBroken = true;
    },
    (world) => {
      world.isSending = false;
    },
  ];
  for (const breakIt of broken) {
    const world = await settledWorld(11);
    const tab = world.openTab();
    await tab.tick();
    breakIt(world);
    tab.start();
    tab.ran(MODEL.modelVersion, RUN);
    await world.pass(EPOCH - 1);
    expect(world.posts).toHaveLength(0);
  }
});

test('a report is paid for before it is posted: when the tab dies in between, the next one posts it, and it is one report', async () => {
  const world = await settledWorld(12);
  const tab = world.openTab();
  await tab.tick();
  world.nowMs = world.state.ledger.dueMs as number;
  world.fault = 'dies';
  void tab.tick();
  await settled();
  expect(world.posts).toHaveLength(0);
  expect(world.state.ledger.spentMicroEps).toBe(MODEL.plan.microEps);
  world.fault = 'none';
  const next = world.openTab();
  next.start();
  await world.pass(60 * 60_000);
  expect(world.posts).toHaveLength(1);
});

test('after `end` nothing is stored or sent', async () => {
  const world = await settledWorld(13);
  const tab = world.openTab();
  tab.start();
  await settled();
  await tab.end();
  const before = structuredClone(world.stored);
  tab.ran(MODEL.modelVersion, RUN);
  await tab.tick();
  await world.pass(EPOCH - 1);
  expect(world.stored).toEqual(before);
  expect(world.posts).toHaveLength(0);
});
