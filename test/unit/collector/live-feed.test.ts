/**
 * The live feed: what is told, how often, and who keeps a place.
 */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { LiveFeed } from '../../../collector/views/live-feed.ts';
import { LIVE_INTERVAL_MS, LIVE_LISTENER_COUNT_MAX, LIVE_LISTENER_MS_MAX } from '../../../protocol/limits.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const [one, other] = ['1'.repeat(16), '2'.repeat(16)];

test('commits of an interval are told together, one event per model, and none says how much was counted', () => {
  const feed = new LiveFeed();
  const told: object[] = [];
  feed.subscribe(
    (event) => told.push(event),
    () => undefined,
  );
  feed.publish([{ modelVersion: one }]);
  feed.publish([{ modelVersion: other }, { modelVersion: one }]);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(LIVE_INTERVAL_MS);
  expect(told).toEqual([one, other].map((modelVersion) => ({ event: 'commit', data: { modelVersion } })));
  vi.advanceTimersByTime(10 * LIVE_INTERVAL_MS);
  expect(told).toHaveLength(2);
});

test('that incidents changed is told once an interval, and not of which model', () => {
  const feed = new LiveFeed();
  const told: object[] = [];
  feed.subscribe(
    (event) => told.push(event),
    () => undefined,
  );
  feed.publishIncident();
  feed.publish([{ modelVersion: one }]);
  feed.publishIncident();
  vi.advanceTimersByTime(10 * LIVE_INTERVAL_MS);
  expect(told).toEqual([
    { event: 'commit', data: { modelVersion: one } },
    { event: 'incident', data: {} },
  ]);
});

test('a listener is ended after its time, once, and one that stopped by itself is not', () => {
  const feed = new LiveFeed();
  const ended = [vi.fn(), vi.fn()];
  const [, stop] = ended.map((end) => feed.subscribe(() => undefined, end));
  stop?.();
  vi.advanceTimersByTime(2 * LIVE_LISTENER_MS_MAX);
  expect(ended.map((end) => end.mock.calls.length)).toEqual([1, 0]);
  expect(feed.listenerCount).toBe(0);
});

test('one listener more than there are places ends the one that is there longest', () => {
  const feed = new LiveFeed();
  const ended = Array.from({ length: LIVE_LISTENER_COUNT_MAX + 2 }, () => vi.fn());
  for (const end of ended) feed.subscribe(() => undefined, end);
  expect(feed.listenerCount).toBe(LIVE_LISTENER_COUNT_MAX);
  expect(ended.findIndex((end) => end.mock.calls.length === 0)).toBe(2);
  feed.close();
  expect(ended.every((end) => end.mock.calls.length === 1)).toBe(true);
});
