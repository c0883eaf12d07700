/**
 * What the charts draw follows from their data: no value is lost on the way to a file or a picture.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CsvValue, csvName, csvText } from '../../../collector/dashboard/charts/csv.ts';
import { type AxisIncident, incidentTable, placeBars } from '../../../collector/dashboard/charts/incident-axis.ts';
import { sparkPath, sparkPoints, sparkSentence } from '../../../collector/dashboard/charts/sparkline.ts';
import { lengthText, timeTicks } from '../../../collector/dashboard/charts/time-text.ts';

/** A reader by RFC 4180, which knows nothing of the writer. */
function readCsv(text: string): { readonly value: string; readonly isQuoted: boolean }[][] {
  const rows: { value: string; isQuoted: boolean }[][] = [];
  let at = 0;
  while (at < text.length) {
    const row: { value: string; isQuoted: boolean }[] = [];
    for (;;) {
      const field = /"((?:[^"]|"")*)"|([^",\r\n]*)/y;
      field.lastIndex = at;
      const found = field.exec(text) as RegExpExecArray;
      row.push({ value: found[1]?.replaceAll('""', '"') ?? (found[2] as string), isQuoted: found[1] !== undefined });
      at += found[0].length;
      if (text[at] === ',') at++;
      else break;
    }
    expect(text.slice(at, at + 2)).toBe('\r\n');
    at += 2;
    rows.push(row);
  }
  return rows;
}

test('a table that was written as CSV is read back whole: texts, numbers to the last bit, and nothing as nothing', () => {
  const value = fc.oneof(
    fc.string(),
    fc.double({ noNaN: true }),
    fc.integer(),
    fc.constant(null),
    fc.constantFrom('', '"', 'a,b', 'a\r\nb', ' a'),
  );
  const tables = fc.integer({ min: 1, max: 5 }).chain((width) => {
    const row = fc.array(value, { minLength: width, maxLength: width });
    return fc.record({ titles: fc.array(fc.string({ minLength: 1 }), { minLength: width, maxLength: width }), rows: fc.array(row) });
  });
  fc.assert(
    fc.property(tables, (table: { titles: string[]; rows: CsvValue[][] }) => {
      const [titles, ...rows] = readCsv(csvText(table));
      expect(titles?.map((field) => field.value)).toEqual(table.titles);
      expect(rows.length).toBe(table.rows.length);
      for (const [at, row] of table.rows.entries()) {
        const back = (rows[at] ?? []).map(({ value: text, isQuoted }, column) => {
          if (text === '' && !isQuoted) return null;
          return typeof row[column] === 'number' ? Number(text) : text;
        });
        expect(back).toEqual(row.map((each) => (Object.is(each, -0) ? 0 : each)));
      }
    }),
  );
});

test('a file’s name holds no path, whatever a model is called', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { maxLength: 4 }), (parts) => {
      const name = csvName(parts);
      expect(name).toMatch(/^insitu[A-Za-z0-9.-]*\.csv$/);
      expect(name.length).toBeLessThanOrEqual(124);
    }),
  );
  expect(csvName(['digits 1.2.0', 'input.image/brightness', '24 hours'])).toBe('insitu-digits-1.2.0-input.image-brightness-24-hours.csv');
});

test('a sparkline has a place for each known value, and its path passes the highest and the lowest', () => {
  const values = fc.array(fc.option(fc.double({ min: -1e6, max: 1e6, noNaN: true })), { minLength: 1, maxLength: 400 });
  fc.assert(
    fc.property(values, (known) => {
      const times = known.map((_, index) => 1_700_000_000 + index * 3600);
      const points = sparkPoints(times, known);
      expect(points.map(({ index }) => index)).toEqual(known.flatMap((value, index) => (value === null ? [] : [index])));
      for (const { x, y } of points) {
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x).toBeLessThanOrEqual(120);
        expect(y).toBeGreaterThanOrEqual(0);
        expect(y).toBeLessThanOrEqual(28);
      }
      const path = sparkPath(points);
      for (const y of [Math.min(...points.map((point) => point.y)), Math.max(...points.map((point) => point.y))]) {
        if (points.length > 0) expect(path).toContain(` ${y.toFixed(1)}`);
      }
      expect(path.match(/[ML]/g)?.length ?? 0).toBeLessThanOrEqual(4 * 61);
    }),
  );
});

test('a gap in the values is a gap in the line, and a value alone is a dot', () => {
  const path = (values: (number | null)[]) => sparkPath(sparkPoints([0, 1, 2, 3, 4].slice(0, values.length), values));
  expect(path([1, 2, 3]).match(/M/g)?.length).toBe(1);
  expect(path([1, 2, null, 3, 4]).match(/M/g)?.length).toBe(2);
  expect(path([1, 2, null, 3]).match(/h0\.01/g)?.length).toBe(1);
  expect(path([])).toBe('');
  expect(sparkSentence({ times: [], values: [], label: 'visits' })).toBe('visits: nothing counted.');
  expect(sparkSentence({ times: [0, 1, 2], values: [3, null, 1], label: 'visits' })).toBe('visits: from 3 to 1, lowest 1, highest 3.');
});

const HOUR = 3_600_000;

test('incidents of a time are bars that do not cover each other, or are counted as left out', () => {
  const incident = fc
    .record({ fromMs: fc.integer({ min: -100, max: 300 }), length: fc.option(fc.integer({ min: 0, max: 200 })) })
    .map(({ fromMs, length }, index = 0): AxisIncident => {
      const toMs = length === null ? null : (fromMs + length) * HOUR;
      return { id: `${fromMs} ${length} ${index}`, label: 'x', fromMs: fromMs * HOUR, toMs, state: 'open', href: '#' };
    });
  fc.assert(
    fc.property(fc.array(incident, { maxLength: 60 }), (incidents) => {
      const content = { fromMs: 0, toMs: 240 * HOUR, incidents, marks: [] };
      const { bars, leftOutCount } = placeBars(content);
      const ofTime = incidents.filter(({ fromMs, toMs }) => fromMs <= content.toMs && (toMs ?? content.toMs) >= 0);
      expect(bars.length + leftOutCount).toBe(ofTime.length);
      for (const [at, bar] of bars.entries()) {
        expect(bar.left).toBeGreaterThanOrEqual(0);
        expect(bar.left + bar.width).toBeLessThanOrEqual(1 + 1e-9);
        for (const other of bars.slice(at + 1)) {
          const isApart =
            bar.lane !== other.lane || bar.left + bar.width <= other.left + 1e-9 || other.left + other.width <= bar.left + 1e-9;
          expect(isApart).toBe(true);
        }
      }
      expect(incidentTable(content).rows.length).toBe(incidents.length);
    }),
  );
});

test('ticks of time are few, inside, and at whole hours or days of the reader’s calendar', () => {
  const stretch = fc.record({ fromMs: fc.integer({ min: 0, max: 4e12 }), hours: fc.integer({ min: 1, max: 24 * 400 }) });
  fc.assert(
    fc.property(stretch, fc.integer({ min: 2, max: 12 }), ({ fromMs, hours }, countMax) => {
      const toMs = fromMs + hours * HOUR;
      const ticks = timeTicks(fromMs, toMs, countMax);
      expect(ticks.length).toBeLessThanOrEqual(countMax);
      for (const { atMs } of ticks) {
        expect(atMs).toBeGreaterThanOrEqual(fromMs);
        expect(atMs).toBeLessThanOrEqual(toMs);
        expect(new Date(atMs).getMinutes()).toBe(0);
      }
      expect(new Set(ticks.map(({ atMs }) => atMs)).size).toBe(ticks.length);
    }),
  );
  expect(timeTicks(0, -1, 5)).toEqual([]);
  expect(timeTicks(Number.NaN, 5, 5)).toEqual([]);
  expect([lengthText(20 * 60_000), lengthText(90 * 60_000), lengthText(72 * HOUR)]).toEqual(['20 min', '1.5 h', '3 days']);
});

test('ticks stand at midnight on both sides of a change of clocks', () => {
  const zone = process.env.TZ;
  process.env.TZ = 'Europe/Berlin';
  try {
    // Clocks went back at 01:00 UTC on October 25th, 2026.
    const ticks = timeTicks(Date.UTC(2026, 9, 23, 12), Date.UTC(2026, 9, 27, 12), 6);
    expect(ticks.map(({ atMs }) => new Date(atMs).getHours())).toEqual([0, 0, 0, 0]);
    expect(ticks.map(({ atMs }) => new Date(atMs).getUTCHours())).toEqual([22, 22, 23, 23]);
  } finally {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  }
});
