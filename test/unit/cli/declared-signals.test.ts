/**
 * Rows and recordings of a data set whose manifest declares `preprocess`: the model is fed, and counted, as in a page.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openRecordings } from '../../../cli/data/recordings.ts';
import { openTables } from '../../../cli/data/table.ts';
import { prepareRecordings } from '../../../processing/audio/audio.ts';
import { prepareRows } from '../../../processing/row.ts';
import type { ManifestAudioPreprocess } from '../../../protocol/manifest/audio.ts';
import type { Manifest, ManifestColumn, ManifestInput } from '../../../protocol/manifest/manifest.ts';
import type { ManifestRowPreprocess } from '../../../protocol/manifest/row.ts';
import type { RowWire } from '../../../protocol/worker/media.ts';
import { chirp } from '../../fixtures/chirp.ts';
import { bytesOf, examplesIn, temporaryFolder, wavBytes } from '../../fixtures/data-files.ts';

const folder = temporaryFolder();
const manifestOf = (input: ManifestInput): Manifest => ({ inputs: [input], outputs: [] }) as unknown as Manifest;

function fileOf(name: string, content: string | Uint8Array) {
  const path = join(folder, name);
  writeFileSync(path, content);
  return { input: null, path, label: name };
}

test('the rows of a table become the tensors, and are counted as the values, that a page makes of them', async () => {
  const { columns, preprocess, rows } = JSON.parse(readFileSync(new URL('../../vectors/rows.json', import.meta.url), 'utf8')) as {
    readonly columns: ManifestColumn[];
    readonly preprocess: ManifestRowPreprocess;
    readonly rows: readonly RowWire[];
  };
  const input: ManifestInput = { name: 'rows', type: 'float32', dims: ['batch', 12], kind: 'tabular', columns, preprocess };
  const names = columns.map(({ name }) => name);
  const csv = [names, ...rows.map((row) => names.map((name) => row[name] ?? ''))].map((cells) => cells.join(',')).join('\n');
  const examples = await examplesIn(await openTables(manifestOf(input), [fileOf('rows.csv', csv)]));
  expect(examples).toHaveLength(rows.length);
  rows.forEach((row, index) => {
    const { tensor, counted } = prepareRows(input, preprocess, [row]);
    expect(examples[index]).toMatchObject({ feeds: { rows: tensor }, counted: { rows: counted } });
  });
});

test('a row that has no value where none is declared is unreadable, by its column', async () => {
  const columns: ManifestColumn[] = [{ name: 'age', kind: 'numeric' }];
  const input: ManifestInput = { name: 'rows', type: 'float32', dims: ['batch', 1], kind: 'tabular', columns, preprocess: { kind: 'row' } };
  const examples = await examplesIn(await openTables(manifestOf(input), [fileOf('gaps.csv', 'age,other\n7,a\n,b\n')]));
  expect(examples).toMatchObject([{ feeds: { rows: { data: Float32Array.of(7) } } }, { unreadable: expect.stringContaining('"age"') }]);
});

test('a recording at another rate than the model’s is resampled and framed as in a page', async () => {
  const preprocess: ManifestAudioPreprocess = {
    kind: 'audio',
    samples: 2_000,
    mel: { fftSize: 400, hopSize: 160, bandCount: 20, scale: 'htk', log: { kind: 'natural', floor: 1e-5 } },
  };
  const input: ManifestInput = { name: 'sound', type: 'float32', dims: ['batch', 20, 13], kind: 'numeric', sampleRate: 16_000, preprocess };
  const samples = Float32Array.from(chirp(6_000, 2, 300));
  const wav = wavBytes(bytesOf(samples), { tag: 3, bits: 32, rate: 44_100 });
  const examples = await examplesIn(openRecordings(manifestOf(input), [fileOf('sound.wav', wav)]));
  const sound = prepareRecordings(input, preprocess, [{ channels: [samples], sampleRate: 44_100 }]);
  expect(examples).toEqual([{ where: 'sound.wav', feeds: { sound } }]);
});
