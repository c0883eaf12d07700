/**
 * Awake time: waits that a sleeping page does not use up.
 *
 * Method: timers and clock are moved apart: a sleep is a clock that jumps while no timer goes off.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { afterAwake, everyStep } from '../../../protocol/awake-time.ts';
import { AWAKE_STEP_COUNT } from '../../harness/sooner.ts';

let sleptMs = 0;

beforeEach(() => {
  sleptMs = 0;
  vi.useFakeTimers();
  const awakeMs = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => awakeMs() + sleptMs);
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

test('a wait of an awake page is over when its time is over, and once', () => {
  const onOver = vi.fn();
  afterAwake(5000, onOver);
  vi.advanceTimersByTime(4999);
  expect(onOver).not.toHaveBeenCalled();
  vi.advanceTimersByTime(1);
  expect(onOver).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(60_000);
  expect(onOver).toHaveBeenCalledTimes(1);
});

test(`a wait is made in ${AWAKE_STEP_COUNT} steps, each of which browser tests make short`, () => {
  const timers = vi.spyOn(globalThis, 'setTimeout');
  afterAwake(5000, () => undefined);
  vi.advanceTimersByTime(5000);
  expect(new Set(timers.mock.calls.map(([, ms]) => ms))).toEqual(new Set([5000 / AWAKE_STEP_COUNT]));
});

test('a wait that is stopped is never over', () => {
  const onOver = vi.fn();
  const stop = afterAwake(5000, onOver);
  vi.advanceTimersByTime(4999);
  stop();
  vi.advanceTimersByTime(60_000);
  expect(onOver).not.toHaveBeenCalled();
});

test('an hour of sleep uses up one step of a wait, whenever it comes', () => {
  for (const beforeMs of [0, 1500, 4999]) {
    const onOver = vi.fn();
    afterAwake(5000, onOver);
    vi.advanceTimersByTime(beforeMs);
    sleptMs += 3_600_000;
    // The step that was due during the sleep goes off at once.
    vi.advanceTimersByTime(1000 - (beforeMs % 1000));
    expect(onOver).not.toHaveBeenCalled();
    vi.advanceTimersByTime(999);
    expect(onOver).not.toHaveBeenCalled();
    vi.advanceTimersByTime(5000);
    expect(onOver).toHaveBeenCalledTimes(1);
  }
});

test('a page whose timers are late each time comes to the end of a wait all the same', () => {
  const onOver = vi.fn();
  afterAwake(5000, onOver);
  for (let step = 0; step < 5; step++) {
    sleptMs += 59_000;
    vi.advanceTimersByTime(1000);
  }
  expect(onOver).toHaveBeenCalledTimes(1);
});

test('steps go on until they are stopped, and only the first late one in a row says that the page is waking', () => {
  const steps: boolean[] = [];
  const stop = everyStep(1000, (isWaking) => {
    steps.push(isWaking);
    if (steps.length === 6) stop();
  });
  for (const sleepMs of [0, 900, 1001, 5000, 0, 5000, 0]) {
    sleptMs += sleepMs;
    vi.advanceTimersByTime(1000);
  }
  expect(steps).toEqual([false, false, true, false, false, true]);
});
