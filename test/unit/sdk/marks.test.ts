/**
 * Marks: one per day and one per week of a browser, whatever its clock does.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MARK_BACK_DAY_COUNT, MARKED_DAY_COUNT_MAX, MARKED_MODEL_COUNT_MAX } from '../../../protocol/limits.ts';
import { type VoteCadence, weekOf } from '../../../protocol/report/window.ts';
import { claimMark, type MarkedDays } from '../../../sdk/delivery/marks.ts';

/** Days since 1970. */
const dayOf = (year: number, month: number, day: number) => Date.UTC(year, month - 1, day) / 86_400_000;
const MONDAY = dayOf(2026, 11, 23);

class Browser {
  marked: readonly MarkedDays[] = [];

  claim(day: number, key = 'data a'): VoteCadence | null {
    const { mark, marked } = claimMark(this.marked, key, day);
    this.marked = marked;
    return mark;
  }
}

describe('a clock that goes forward', () => {
  test('marks the first window of each day, and of each ISO week', () => {
    const browser = new Browser();
    const marks = Array.from({ length: 10 }, (_, index) => [browser.claim(MONDAY + 2 + index), browser.claim(MONDAY + 2 + index)]);
    // From Wednesday on; the next Monday is five days later.
    const of = (index: number) => (index === 0 || index === 5 ? 'week' : 'day');
    expect(marks).toEqual(marks.map((_, index) => [of(index), null]));
  });

  test('marks after an absence of any length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000 }), (pause) => {
        const browser = new Browser();
        browser.claim(MONDAY);
        expect(browser.claim(MONDAY + pause)).toBe(pause < 7 ? 'day' : 'week');
      }),
    );
  });

  test('remembers one day, and few more after gaps', () => {
    const browser = new Browser();
    for (let day = MONDAY; day < MONDAY + 40; day++) browser.claim(day);
    expect(browser.marked).toEqual([{ key: 'data a', days: [MONDAY + 39] }]);
    for (let index = 1; index < 20; index++) browser.claim(MONDAY + 39 + index * 30);
    expect(browser.marked[0]?.days).toHaveLength(MARKED_DAY_COUNT_MAX);
  });

  test('model versions and kinds of report are marked apart, and of many the latest are remembered', () => {
    const browser = new Browser();
    const keys = Array.from({ length: MARKED_MODEL_COUNT_MAX }, (_, index) => `data ${index}`);
    expect(keys.map((key) => browser.claim(MONDAY, key))).toEqual(keys.map(() => 'week'));
    expect(keys.map((key) => browser.claim(MONDAY, key))).toEqual(keys.map(() => null));
    browser.claim(MONDAY, 'one more');
    expect(browser.marked).toHaveLength(MARKED_MODEL_COUNT_MAX);
    expect(browser.claim(MONDAY, keys[1])).toBeNull();
  });

  test('weeks begin on Monday, as ISO 8601 has it', () => {
    const [sunday, monday] = [dayOf(2027, 1, 3), dayOf(2027, 1, 4)];
    expect([weekOf(dayOf(2026, 12, 28)), weekOf(monday)]).toEqual([weekOf(sunday), weekOf(sunday) + 1]);
    expect(weekOf(0)).toBe(weekOf(3));
    expect(weekOf(4)).toBe(weekOf(3) + 1);
  });
});

describe('a clock that steps', () => {
  const FAR = dayOf(2031, 5, 1);
  /** Each remembered day, and those before it. */
  const SILENT_DAY_COUNT_MAX = MARKED_DAY_COUNT_MAX * (MARK_BACK_DAY_COUNT + 1);

  test('back a little marks nothing until it has come up again', () => {
    const browser = new Browser();
    browser.claim(MONDAY + 9);
    for (let day = MONDAY + 9 - MARK_BACK_DAY_COUNT; day <= MONDAY + 9; day++) expect(browser.claim(day)).toBeNull();
    expect(browser.claim(MONDAY + 10)).toBe('day');
  });

  test('far ahead and back marks no day again, and is silent for none', () => {
    const browser = new Browser();
    expect([MONDAY, FAR, MONDAY, MONDAY + 1, MONDAY + 7].map((day) => browser.claim(day))).toEqual(['week', 'week', null, 'day', 'week']);
  });

  test('to 1970 and back, by way of far ahead, marks no day again', () => {
    const browser = new Browser();
    expect([MONDAY, FAR, 0, MONDAY, 1, MONDAY, MONDAY + 1].map((day) => browser.claim(day))).toEqual([
      ...['week', 'week', 'week', null],
      ...['day', null, 'day'],
    ]);
  });

  // Goal: never twice, never silent for ever. Method: a clock that walks and jumps between a few times, as batteries and people make it.
  test('between a few times marks each day once, each week once, and is silent for a bounded time', () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ to: fc.constant(null), by: fc.integer({ min: 0, max: 3 }) }) },
      { weight: 1, arbitrary: fc.record({ to: fc.constantFrom(0, MONDAY, FAR), by: fc.integer({ min: -MARK_BACK_DAY_COUNT, max: 3 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const browser = new Browser();
        const [days, weeks] = [new Map<number, number>(), new Map<number, number>()];
        /** The highest day of each of the three times: what lies far below it is refused by every collector. */
        const highest = new Map<number, number>();
        let [origin, day] = [MONDAY, MONDAY];
        for (const { to, by } of steps) {
          origin = to ?? origin;
          day = Math.max(0, (to ?? day) + by);
          const top = Math.max(day, highest.get(origin) ?? day);
          highest.set(origin, top);
          const mark = browser.claim(day);
          if (mark === null || top - day > MARK_BACK_DAY_COUNT) continue;
          days.set(day, (days.get(day) ?? 0) + 1);
          if (mark === 'week') weeks.set(weekOf(day), (weeks.get(weekOf(day)) ?? 0) + 1);
        }
        expect([...days.values(), ...weeks.values()].every((times) => times === 1)).toBe(true);
        const laterMarks = Array.from({ length: SILENT_DAY_COUNT_MAX + 1 }, (_, later) => browser.claim(day + later));
        expect(laterMarks.some((mark) => mark !== null)).toBe(true);
      }),
      { seed: 21, numRuns: 2_000 },
    );
  });
});
