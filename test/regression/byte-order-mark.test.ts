/**
 * A model.json that an editor saved with a byte-order mark was run by the page and refused by collector and command line; and the
 * page left the mark out of the version, which is the hash of the bytes as served.
 */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openModelFolder } from '../../cli/folder/model-folder.ts';
import { registerFolder } from '../../collector/models/model-folder.ts';
import { Registry } from '../../collector/models/registry.ts';
import { openDuckDbStore } from '../../collector/store/duckdb-store.ts';
import { createObserver } from '../../sdk/counting/observer.ts';
import type { Recorder } from '../../sdk/telemetry/recorder.ts';
import { openServed } from '../../worker/source/manifest-source.ts';
import { modelAddress } from '../../worker/source/model-address.ts';

const MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const digits = await readFile(new URL('../../models/digits/model.json', import.meta.url));
const served = Buffer.concat([MARK, digits]);
const version = createHash('sha256').update(served).digest('hex').slice(0, 16);

test('page, observer, collector and command line read a manifest behind a byte-order mark, and call it by the hash of all its bytes', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'insitu-mark-'));
  const store = await openDuckDbStore(join(folder, 'data'));
  try {
    await mkdir(join(folder, 'models', 'digits'), { recursive: true });
    await writeFile(join(folder, 'models', 'digits', 'model.json'), served);

    const opened = await openServed(await modelAddress('https://models.example/model.json', []), new Uint8Array(served), null, false, null);
    expect(opened).toMatchObject({ modelVersion: version, manifest: { name: 'digits' } });
    // What the second visit finds in the store is the text.
    expect(await openServed(opened.address, opened.text, null, true, null)).toMatchObject({ modelVersion: version });

    const observer = await createObserver(`data:application/json;base64,${served.toString('base64')}`, {} as Recorder, () => undefined);
    expect(observer.modelVersion).toBe(version);

    const model = await openModelFolder(join(folder, 'models', 'digits'));
    expect(model.manifest.name).toBe('digits');
    expect(Buffer.from(model.manifestJson).equals(served)).toBe(true);

    const complaints: string[] = [];
    const complain = (sentence: string) => complaints.push(sentence);
    const registry = await Registry.open({ store, release: '1.0.0', now: () => 0, complain });
    await registerFolder(join(folder, 'models'), registry, complain);
    expect(complaints).toEqual([]);
    expect(registry.find(version)?.manifest.name).toBe('digits');
  } finally {
    await store.close();
    await rm(folder, { recursive: true });
  }
});
