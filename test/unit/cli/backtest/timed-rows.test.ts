/**
 * Times of rows: what counts as one, in text and in Parquet, and that everything else is unreadable by name.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { timeOf } from '../../../../cli/backtest/row-time.ts';
import { openTimedRows } from '../../../../cli/backtest/timed-rows.ts';
import { openModelFolder } from '../../../../cli/folder/model-folder.ts';
import { observedTable } from '../../../fixtures/backtest-table.ts';
import { temporaryFolder } from '../../../fixtures/data-files.ts';

const folder = temporaryFolder();
const { manifest } = await openModelFolder(observedTable(join(folder, 'model')));
const NOON = Date.UTC(2026, 0, 31, 12);

const TIMES: readonly [cell: unknown, ms: number | null | undefined][] = [
  ['2026-01-31', Date.UTC(2026, 0, 31)],
  ['2026-01-31T12:00', NOON],
  ['2026-01-31 12:00:00', NOON],
  ['2026-01-31T12:00:00.250Z', NOON + 250],
  ['2026-01-31 12:00:00,250', NOON + 250],
  ['2026-01-31T14:00:00+02:00', NOON],
  ['2026-01-31 14:00:00+0200', NOON],
  ['2026-01-31 14:00:00+02', NOON],
  ['2026-01-31T06:30:00-05:30', NOON],
  ['2026-01-31 12:00:00 UTC', NOON],
  ['2026-01-30T24:00:00Z', Date.UTC(2026, 0, 31)],
  [String(NOON), NOON],
  [NOON / 1_000, NOON],
  [BigInt(NOON), NOON],
  ['1769860800.5', NOON + 500],
  ['0', 0],
  ['2026-02-29', null],
  ['2024-02-29', Date.UTC(2024, 1, 29)],
  ['2026-13-01', null],
  ['2026-01-31T25:00', null],
  ['2026-01-31T12:00+99:00', null],
  ['31.01.2026', null],
  ['01/31/2026', null],
  ['1969-12-31', null],
  ['-5', null],
  [1e18, null],
  [Number.NaN, null],
  ['yesterday', null],
  ['', undefined],
  [' ', undefined],
  [null, undefined],
];
test.each(TIMES)('%s is %s', (cell, ms) => {
  expect(timeOf(cell)).toBe(ms);
});

test('every time that a machine writes in ISO 8601 is read back, with any offset', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 0) }), fc.integer({ min: -839, max: 839 }), (ms, minutes) => {
      fc.pre(ms + minutes * 60_000 >= 0);
      const local = new Date(ms + minutes * 60_000).toISOString().slice(0, -1);
      const [sign, ahead] = [minutes < 0 ? '-' : '+', Math.abs(minutes)];
      const offset = `${sign}${String(Math.floor(ahead / 60)).padStart(2, '0')}:${String(ahead % 60).padStart(2, '0')}`;
      expect(timeOf(`${local}${offset}`)).toBe(ms);
    }),
  );
});

async function rowsOf(path: string, visit: string | null) {
  const rows = [];
  const source = await openTimedRows(manifest, [path], { time: 'at', visit });
  for await (const row of source.rows()) rows.push('unreadable' in row ? `${row.where}: ${row.unreadable}` : [row.atMs, row.visit]);
  return rows;
}

describe('a table', () => {
  test('has a time and a visit for each row, or says by the row what is wrong', async () => {
    const path = join(folder, 'rows.csv');
    writeFileSync(
      path,
      'at,who,light,colour\n2026-01-31 12:00,ann,0.5,red\nsoon,bob,0.5,red\n,bob,0.5,red\n1769860800,,0.5,red\n1769860800,7,0.5,pink\n',
    );
    expect(await rowsOf(path, 'who')).toEqual([
      [NOON, 'ann'],
      expect.stringMatching(/rows\.csv, row 2: column "at" holds no time; expected is ISO 8601/),
      expect.stringMatching(/row 3: column "at" has no value$/),
      expect.stringMatching(/row 4: column "who" has no value$/),
      expect.stringMatching(/row 5: column "colour" holds a category/),
    ]);
    expect((await rowsOf(path, null))[3]).toEqual([NOON, null]);
  });

  test.each(['TIMESTAMP', 'TIMESTAMP_S', 'TIMESTAMP_MS', 'TIMESTAMP_NS', 'TIMESTAMPTZ', 'VARCHAR'])(
    'of Parquet may tell it as %s',
    async (type) => {
      const path = join(folder, `${type}.parquet`);
      const connection = await (await DuckDBInstance.create(':memory:')).connect();
      const at = type === 'TIMESTAMPTZ' ? `make_timestamptz(${NOON * 1_000}::BIGINT)` : `'2026-01-31 12:00:00'::${type}`;
      await connection.run(`COPY (SELECT ${at} AS at, 7::BIGINT AS who, 0.5 AS light, 'red' AS colour) TO '${path}' (FORMAT parquet)`);
      connection.closeSync();
      expect(await rowsOf(path, 'who')).toEqual([[NOON, '7']]);
    },
  );

  test('without the named column costs a sentence, and so does what is no table', async () => {
    const path = join(folder, 'rows.csv');
    await expect(openTimedRows(manifest, [path], { time: 'when', visit: null })).rejects.toThrow(
      `${path} has no column "when": it has at, who, light, colour. Name one of these.`,
    );
    const picture = join(folder, 'a.png');
    writeFileSync(picture, 'no picture');
    await expect(openTimedRows(manifest, [picture], { time: 'at', visit: null })).rejects.toThrow(
      `"at" is to be a column, and ${picture} is no table. Give .csv, .tsv or .parquet.`,
    );
  });
});
