/**
 * Group commit, over a store whose commits the test lets through one by one.
 */
import { expect, test } from 'vitest';
import { GroupCommit, type SubmitOutcome } from '../../../collector/intake/group-commit.ts';
import type { AcceptedWindow, Store } from '../../../collector/store/store.ts';
import {
  BODY_WINDOW_COUNT_MAX,
  GROUP_COMMIT_CELL_COUNT_MAX,
  GROUP_COMMIT_COUNT_MAX,
  HEAVY_TIME_RATIO_MAX,
  INTAKE_QUEUE_CELL_COUNT_MAX,
  INTAKE_QUEUE_COUNT_MAX,
  LIGHT_BODY_CELL_COUNT_MAX,
} from '../../../protocol/limits.ts';
import { dataWindow, MODEL_VERSION, NOW_MS, nextId } from '../../fixtures/reports.ts';

interface Attempt {
  readonly group: readonly AcceptedWindow[];
  readonly succeed: () => void;
  readonly fail: () => void;
}

/** A store of which each commit waits for the test. */
class GatedStore implements Pick<Store, 'commit'> {
  readonly attempts: Attempt[] = [];
  private onAttempt: () => void = () => undefined;

  commit(group: readonly AcceptedWindow[]): Promise<readonly 'stored'[]> {
    return new Promise((resolve, reject) => {
      this.attempts.push({ group, succeed: () => resolve(group.map(() => 'stored')), fail: () => reject(new Error('the disk is gone')) });
      this.onAttempt();
    });
  }

  async attempt(index: number): Promise<Attempt> {
    while (this.attempts[index] === undefined) {
      await new Promise<void>((resolve) => {
        this.onAttempt = resolve;
      });
    }
    return this.attempts[index];
  }
}

function windows(count: number): AcceptedWindow[] {
  return Array.from({ length: count }, () => ({ modelVersion: MODEL_VERSION, ...dataWindow({ id: nextId() }) }));
}

function setUp(elapsedMs = () => performance.now()) {
  const store = new GatedStore();
  const stored: AcceptedWindow[] = [];
  const failures: unknown[] = [];
  const group = new GroupCommit({
    store,
    keptMs: () => NOW_MS,
    elapsedMs,
    onStored: (counted) => stored.push(...counted),
    onFailed: (error) => failures.push(error),
  });
  return { store, group, stored, failures };
}

test('submissions of one moment share one transaction and are answered after it', async () => {
  const { store, group, stored } = setUp();
  const answers: SubmitOutcome[] = [];
  const submissions = [windows(1), windows(2), windows(3)].map((some) => group.submit(some).then((answer) => answers.push(answer)));
  const attempt = await store.attempt(0);
  expect(attempt.group).toHaveLength(6);
  expect(answers).toEqual([]);
  attempt.succeed();
  await Promise.all(submissions);
  expect(answers).toEqual(['committed', 'committed', 'committed']);
  expect(stored).toHaveLength(6);
});

test('what arrives during a transaction goes into the next one, and no two overlap', async () => {
  const { store, group } = setUp();
  const first = group.submit(windows(1));
  const attempt = await store.attempt(0);
  const later = [group.submit(windows(1)), group.submit(windows(1))];
  expect(store.attempts).toHaveLength(1);
  attempt.succeed();
  await first;
  const next = await store.attempt(1);
  expect(next.group).toHaveLength(2);
  next.succeed();
  expect(await Promise.all(later)).toEqual(['committed', 'committed']);
});

test('a failed transaction fails its own submissions and no others', async () => {
  const { store, group, stored, failures } = setUp();
  const first = group.submit(windows(1));
  const attempt = await store.attempt(0);
  const second = group.submit(windows(1));
  attempt.fail();
  expect(await first).toBe('failed');
  (await store.attempt(1)).succeed();
  expect(await second).toBe('committed');
  expect(failures).toHaveLength(1);
  expect(stored).toHaveLength(1);
});

test('a group holds whole bodies and at most GROUP_COMMIT_COUNT_MAX windows', async () => {
  const { store, group } = setUp();
  const bodyCount = Math.ceil(GROUP_COMMIT_COUNT_MAX / BODY_WINDOW_COUNT_MAX) + 1;
  const submissions = Array.from({ length: bodyCount }, () => group.submit(windows(BODY_WINDOW_COUNT_MAX)));
  for (let index = 0; index < 2; index++) (await store.attempt(index)).succeed();
  await Promise.all(submissions);
  const sizes = store.attempts.map((attempt) => attempt.group.length);
  expect(sizes.every((size) => size <= GROUP_COMMIT_COUNT_MAX && size % BODY_WINDOW_COUNT_MAX === 0)).toBe(true);
  expect(sizes.reduce((sum, size) => sum + size)).toBe(bodyCount * BODY_WINDOW_COUNT_MAX);
});

test(`window ${INTAKE_QUEUE_COUNT_MAX} may wait; the next is refused, until a group was taken`, async () => {
  const { store, group } = setUp();
  const first = group.submit(windows(1));
  const attempt = await store.attempt(0);
  const waiting = Array.from({ length: INTAKE_QUEUE_COUNT_MAX / 5 }, () => group.submit(windows(5)));
  expect(await group.submit(windows(1))).toBe('full');
  attempt.succeed();
  await first;
  const next = await store.attempt(1);
  const late = group.submit(windows(1));
  next.succeed();
  for (let index = 2; index <= INTAKE_QUEUE_COUNT_MAX / GROUP_COMMIT_COUNT_MAX + 1; index++) (await store.attempt(index)).succeed();
  expect(new Set(await Promise.all([...waiting, late]))).toEqual(new Set(['committed']));
});

test('closing commits what is queued, takes nothing more, and waits for both', async () => {
  const { store, group } = setUp();
  const first = group.submit(windows(1));
  const attempt = await store.attempt(0);
  const queued = group.submit(windows(1));
  const closed = group.close();
  expect(await group.submit(windows(1))).toBe('closing');
  attempt.succeed();
  (await store.attempt(1)).succeed();
  await closed;
  expect(await Promise.all([first, queued])).toEqual(['committed', 'committed']);
});

/** A body of one window of so many cells. */
function heavyBody(cellCount: number): AcceptedWindow[] {
  const cells = Uint32Array.from({ length: cellCount }, (_, cell) => cell);
  return [{ modelVersion: MODEL_VERSION, ...dataWindow({ id: nextId() }), cells, counts: cells.map(() => 1) }];
}

test('a light body waits for one heavy group at the most, however many came before it, and has a group without them', async () => {
  const { store, group } = setUp();
  const heavy = Array.from({ length: 4 }, () => group.submit(heavyBody(GROUP_COMMIT_CELL_COUNT_MAX)));
  const running = await store.attempt(0);
  const light = [group.submit(windows(1)), group.submit(windows(1))];
  running.succeed();
  const next = await store.attempt(1);
  expect(next.group.map(({ cells }) => cells.length)).toEqual([2, 2]);
  next.succeed();
  expect(await Promise.all([heavy[0], ...light])).toEqual(['committed', 'committed', 'committed']);
  for (let index = 2; index < 5; index++) (await store.attempt(index)).succeed();
  expect(new Set(await Promise.all(heavy))).toEqual(new Set(['committed']));
});

test('of light bodies the oldest and the lightest come first: few cells do not wait behind many, nor many for ever', async () => {
  const { store, group } = setUp();
  const running = group.submit(windows(1));
  const first = await store.attempt(0);
  const many = Array.from({ length: 5 }, () => group.submit(heavyBody(LIGHT_BODY_CELL_COUNT_MAX)));
  const few = [group.submit(windows(1))];
  first.succeed();
  const sizes: number[][] = [];
  for (let index = 1; index <= many.length; index++) {
    const attempt = await store.attempt(index);
    sizes.push(attempt.group.map(({ cells }) => cells.length));
    if (index < many.length) few.push(group.submit(windows(1)));
    attempt.succeed();
  }
  expect(sizes).toEqual(Array.from({ length: many.length }, () => [LIGHT_BODY_CELL_COUNT_MAX, 2]));
  expect(new Set(await Promise.all([running, ...many, ...few]))).toEqual(new Set(['committed']));
});

test('light bodies without end do not keep heavy ones from their turn, nor heavy ones the store from light ones', async () => {
  let elapsedMs = 0;
  const { store, group } = setUp(() => elapsedMs);
  const heavy = [group.submit(heavyBody(GROUP_COMMIT_CELL_COUNT_MAX)), group.submit(heavyBody(GROUP_COMMIT_CELL_COUNT_MAX))];
  const kinds: string[] = [];
  for (let index = 0; kinds.filter((kind) => kind === 'heavy').length < 2; index++) {
    const { group: windowsOf, succeed } = await store.attempt(index);
    kinds.push(windowsOf.some(({ cells }) => cells.length > 2) ? 'heavy' : 'light');
    elapsedMs += kinds.at(-1) === 'heavy' ? 30 : 10;
    void group.submit(windows(1));
    succeed();
  }
  await Promise.all(heavy);
  expect(kinds.filter((kind) => kind === 'light').length * 10).toBeGreaterThanOrEqual(30 * (1 / HEAVY_TIME_RATIO_MAX - 1));
  expect(kinds.at(-1)).toBe('heavy');
});

test('heavy bodies of INTAKE_QUEUE_CELL_COUNT_MAX cells may wait; the next is refused, and a light one is not', async () => {
  // No time passes, so that no lane rests.
  const { store, group } = setUp(() => 0);
  const first = group.submit(windows(1));
  const attempt = await store.attempt(0);
  const count = INTAKE_QUEUE_CELL_COUNT_MAX / GROUP_COMMIT_CELL_COUNT_MAX;
  const waiting = Array.from({ length: count }, () => group.submit(heavyBody(GROUP_COMMIT_CELL_COUNT_MAX)));
  expect(await group.submit(heavyBody(GROUP_COMMIT_CELL_COUNT_MAX))).toBe('full');
  const light = group.submit(windows(1));
  attempt.succeed();
  for (let index = 1; index <= count + 1; index++) (await store.attempt(index)).succeed();
  expect(new Set(await Promise.all([first, light, ...waiting]))).toEqual(new Set(['committed']));
});
