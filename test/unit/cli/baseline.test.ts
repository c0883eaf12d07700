/**
 * `insitu baseline` from the command line to the file.
 *
 * Goal: data in any format must give the counts that a page would give. Method: the validation digits, kept as JSON, are
 * written as other files, and the baseline must be the same to the byte.
 */
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { run as runBaseline } from '../../../cli/commands/baseline.ts';
import { startProgress } from '../../../cli/terminal/progress.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { denseOf, totalOf } from '../../../counts/statistics/summary.ts';
import type { Manifest } from '../../../protocol/manifest/manifest.ts';
import type { Baseline } from '../../../protocol/read/read-api.ts';
import { bytesOf, npyBytes, saidBy, temporaryFolder } from '../../fixtures/data-files.ts';

const DIGITS = fileURLToPath(new URL('../../../models/digits/', import.meta.url));
const folder = temporaryFolder();

function modelFolder(name: string): string {
  const path = join(folder, name);
  cpSync(DIGITS, path, { recursive: true, filter: (file) => !/(baseline|validation)\.json$|\.py$/.test(file) });
  return path;
}

function observedFolder(name: string, manifest: Partial<Manifest>): string {
  const path = join(folder, name);
  mkdirSync(path);
  const base = { schema: 1, name, version: '1', licence: 'Apache-2.0', variants: [], golden: [] };
  writeFileSync(join(path, 'observe.json'), JSON.stringify({ ...base, ...manifest }, null, 2));
  return path;
}

const { images } = JSON.parse(readFileSync(join(DIGITS, 'validation.json'), 'utf8')) as { images: string };
const digits = Buffer.from(images, 'base64');
const digitCount = digits.length / 64;
const kept = (path: string): Buffer => readFileSync(join(path, 'baseline.json'));

test('digits in a NumPy file give, byte for byte, the baseline of the repository', async () => {
  const model = modelFolder('npy');
  const path = join(folder, 'digits.npy');
  writeFileSync(path, npyBytes('|u1', [digitCount, 1, 8, 8], digits));
  const { text, failure } = await saidBy(runBaseline, model, '--data', path);
  expect(failure).toBe('');
  expect(kept(model).equals(readFileSync(join(DIGITS, 'baseline.json')))).toBe(true);
  expect(text).toMatch(
    new RegExp(
      `^rows: ${digitCount} seen, ${digitCount} counted, 0 unreadable\ninput image: ${digitCount} present\n.*baseline.json: ${digitCount} examples`,
    ),
  );
  expect(readdirSync(model).filter((file) => file.includes('.part'))).toEqual([]);
});

test('without --data, validation.json in the folder of the model is counted', async () => {
  const model = modelFolder('default');
  writeFileSync(join(model, 'validation.json'), JSON.stringify({ images }));
  const { text, failure } = await saidBy(runBaseline, model, '--limit', '3');
  expect(failure).toBe('');
  expect(text).toMatch(/^rows: 3 seen, 3 counted, 0 unreadable\n/);
});

test('unreadable rows are left out, the first five named; --limit ends early', async () => {
  const model = modelFolder('unreadable');
  const pictures = join(folder, 'pictures');
  mkdirSync(pictures);
  for (let index = 0; index < 7; index++) writeFileSync(join(pictures, `${index}.png`), 'no picture');
  const { default: sharp } = await import('sharp');
  await sharp(digits.subarray(0, 64), { raw: { width: 8, height: 8, channels: 1 } })
    .png()
    .toFile(join(pictures, '7.png'));
  const { text } = await saidBy(runBaseline, model, '--data', pictures);
  const lines = text.split('\n');
  expect(lines.slice(0, 8)).toEqual([
    'rows: 8 seen, 1 counted, 7 unreadable',
    ...[0, 1, 2, 3, 4].map((index) => `  ${index}.png: is no picture that can be decoded`),
    '  and 2 more',
    'input image: 1 present',
  ]);
  const before = kept(model);
  const none = await saidBy(runBaseline, model, '--data', pictures, '--limit', '6');
  expect(none.text.split('\n')[0]).toBe('rows: 6 seen, 0 counted, 6 unreadable');
  expect(none.failure).toBe('No row was counted, so no baseline was written. The lines above say why rows were left out.');
  expect(kept(model).equals(before)).toBe(true);
});

test('of a model that something else runs, the inputs alone are counted', async () => {
  const model = observedFolder('observed', {
    inputs: [{ name: 'text', type: 'string', dims: ['batch'], kind: 'text' }],
    outputs: [{ name: 'scores', type: 'float32', dims: ['batch', 2], kind: 'label-scores' }],
  });
  const path = join(folder, 'texts.csv');
  writeFileSync(path, 'text,mood\n"hello, world",good\n\nпривет,bad\n');
  const { text, failure } = await saidBy(runBaseline, model, '--data', path);
  expect(failure).toBe('');
  expect(text).toContain(
    'The manifest has no model to run: outputs are not counted.\nColumns that the manifest does not name were ignored: mood.\n',
  );
  const manifest = JSON.parse(readFileSync(join(model, 'observe.json'), 'utf8')) as Manifest;
  const baseline = JSON.parse(kept(model).toString()) as Baseline;
  const sums = baseline.cells.map((cell, index) => ({ cell, count: baseline.counts[index] as number }));
  expect(baseline.n).toBe(2);
  for (const metric of dataPlanOf(manifest).metrics) {
    expect(totalOf(denseOf(metric, sums)), metric.id).toBe(metric.id.startsWith('output.') ? 0 : 2);
  }
});

test('values that are not numbers are states of the input', async () => {
  const model = observedFolder('states', {
    inputs: [{ name: 'x', type: 'float32', dims: ['batch', 2], kind: 'numeric' }],
    outputs: [{ name: 'y', type: 'float32', dims: ['batch', 1], kind: 'opaque' }],
  });
  const path = join(folder, 'states.npy');
  writeFileSync(path, npyBytes('<f4', [4, 2], bytesOf(Float32Array.of(1, 2, Number.NaN, 1, Number.NaN, Number.NaN, Infinity, 0))));
  const { text } = await saidBy(runBaseline, model, '--data', path);
  expect(text).toContain('\ninput x: 1 present, 1 missing, 1 nan, 1 inf\n');
});

test('a command line that cannot be understood costs a sentence', async () => {
  const model = modelFolder('sentences');
  const failureOf = async (...args: string[]) => (await saidBy(runBaseline, ...args)).failure;
  expect(await failureOf(model)).toBe(
    `${join(model, 'validation.json')} is not there. Name the data: --data PATH. See insitu baseline --help.`,
  );
  expect(await failureOf()).toBe('Name one model folder. See insitu baseline --help.');
  expect(await failureOf(model, 'rows.npy')).toBe('Name one model folder. See insitu baseline --help.');
  expect(await failureOf(model, '--limit', '0')).toBe('--limit must be a whole number from 1 on, not "0".');
  expect(await failureOf(model, '--colour')).toBe("Unknown option '--colour'. See insitu baseline --help.");
  expect(await failureOf(folder, '--data', 'rows.npy')).toBe(
    `${join(folder, 'model.json')} cannot be read. Name one that is there and that this user may read.`,
  );
  expect(await failureOf(model, '--data', 'a.npy', 'b.npy')).toBe(
    'a.npy cannot be read. Name one that is there and that this user may read.',
  );
});

test('progress is a line on a terminal and nothing anywhere else', async () => {
  const written: string[] = [];
  const terminal = (isTTY: boolean) => ({ isTTY, write: (text: string | Uint8Array) => written.push(String(text)) > 0 });
  const quiet = startProgress(10, terminal(false));
  quiet.advance();
  quiet.end();
  expect(written).toEqual([]);
  const shown = startProgress(10, terminal(true));
  shown.advance();
  await new Promise((resolve) => setTimeout(resolve, 300));
  shown.advance();
  shown.end();
  expect(written.length).toBe(2);
  expect(written[0]).toMatch(/2 rows, 20 %, \d+ rows\/s$/);
});
