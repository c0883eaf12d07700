/**
 * A pipe as model.json held the collector's start up for ever, and so did a device. A file that is there and cannot be opened was answered with
 * 200 and cut. What is no file, or may not be read, costs a sentence at the start and a status behind it.
 */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Collector, startCollector } from '../../collector/index.ts';
import { MANIFEST_BYTES_MAX, REGISTRATION_BYTES_MAX } from '../../protocol/limits.ts';
import type { ModelEntry } from '../../protocol/read/read-api.ts';
import { manifestText } from '../fixtures/reports.ts';

let folder: string;
let models: string;
let collector: Collector | null;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-odd-'));
  models = join(folder, 'models');
  await mkdir(models);
  collector = null;
});
afterEach(async () => {
  await collector?.close();
  await rm(folder, { recursive: true });
});

async function start(): Promise<readonly string[]> {
  const sentences: string[] = [];
  const log = (sentence: string) => sentences.push(sentence.replaceAll(models, ''));
  const own = { port: 0, dataFolder: join(folder, 'data'), siteFolder: folder, libraryFolder: folder };
  collector = await startCollector({ ...own, modelsFolder: models, log });
  return sentences.sort();
}

const registered = async () => ((await (await fetch(`${collector?.url}/v1/models`)).json()) as ModelEntry[]).map(({ name }) => name).sort();

/** Makes something at a path, in the folder of a model. */
const ODD: Readonly<Record<string, (path: string) => Promise<unknown>>> = {
  pipe: async (path) => execFileSync('mkfifo', [path]),
  folder: (path) => mkdir(path),
  device: (path) => symlink('/dev/zero', path),
  'link-to-a-folder': (path) => symlink('/', path),
};

test.skipIf(process.platform === 'win32')('what is no file under a model’s name costs a sentence, and never the start', async () => {
  for (const [what, make] of Object.entries(ODD)) {
    for (const name of ['model.json', 'observe.json', 'baseline.json']) {
      const own = join(models, `${what}-${name.split('.')[0]}`);
      await mkdir(own);
      await make(join(own, name));
      if (name === 'baseline.json') await writeFile(join(own, 'model.json'), manifestText(what));
    }
  }
  await mkdir(join(models, 'good'));
  await writeFile(join(models, 'good', 'model.json'), manifestText('good'));
  const is = 'is a folder, a pipe or a device. Put a file there.';
  const expected = Object.keys(ODD).flatMap((what) => [
    `/${what}-model: Nothing was registered: model.json ${is}`,
    `/${what}-observe: Nothing was registered: observe.json ${is}`,
    `/${what}-baseline: The baseline cannot be read: baseline.json ${is} It was registered without a baseline.`,
  ]);
  expect(await start()).toEqual(expected.sort());
  expect(await registered()).toEqual([...Object.keys(ODD), 'good'].sort());
  for (const what of Object.keys(ODD)) {
    const response = await fetch(`${collector?.url}/models/${what}-model/model.json`);
    expect([what, response.status, await response.text()]).toEqual([what, 404, 'Nothing is served at this address.']);
  }
});

test('a file that is longer than its name allows is not read', async () => {
  for (const name of ['long', 'long-baseline']) await mkdir(join(models, name));
  const [manifest, baseline] = [join(models, 'long', 'model.json'), join(models, 'long-baseline', 'baseline.json')];
  await writeFile(manifest, '{}');
  await truncate(manifest, 2 ** 40);
  await writeFile(baseline, '{}');
  await truncate(baseline, 2 ** 40);
  await writeFile(join(models, 'long-baseline', 'model.json'), manifestText('good'));
  const what = 'and cannot be what its name says.';
  expect(await start()).toEqual([
    `/long-baseline: The baseline cannot be read: baseline.json has more than ${REGISTRATION_BYTES_MAX} bytes, ${what} It was registered without a baseline.`,
    `/long: Nothing was registered: model.json has more than ${MANIFEST_BYTES_MAX} bytes, ${what}`,
  ]);
  expect(await registered()).toEqual(['good']);
});

/** What not even root may read, where there is such a file; others may not read their own without the right. */
const WRITE_ONLY = '/sys/bus/platform/drivers_probe';
const isRoot = process.getuid?.() === 0;

test.skipIf(process.platform === 'win32' || (isRoot && !existsSync(WRITE_ONLY)))(
  'a file that is there and may not be read is refused with a status, to GET and HEAD alike',
  async () => {
    await mkdir(join(models, 'm'));
    const file = join(models, 'm', 'weights.bin');
    if (isRoot) await symlink(WRITE_ONLY, file);
    else {
      await writeFile(file, 'weights');
      await chmod(file, 0);
    }
    await start();
    for (const method of ['GET', 'HEAD']) {
      const response = await fetch(`${collector?.url}/models/m/weights.bin`, { method });
      const sentence = 'This file is there, and the collector may not read it. Check its rights and its disk.';
      expect([response.status, await response.text()]).toEqual([403, method === 'HEAD' ? '' : sentence]);
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
    }
  },
);
