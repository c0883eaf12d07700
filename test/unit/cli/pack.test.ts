/**
 * `insitu pack`, `verify` and `types` from the command line to the files.
 *
 * Goal: a folder that a command has made must pass the other, anything changed in it must be found, and nobody's network may be asked.
 * Method: the digits model and written networks are packed into folders; every connection that the process opens is watched.
 */
import { execFile, execFileSync } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { run as runBaseline } from '../../../cli/commands/baseline.ts';
import { run as runTypes } from '../../../cli/commands/model-types.ts';
import { run as runPack } from '../../../cli/commands/pack.ts';
import { run as runVerify } from '../../../cli/commands/verify.ts';
import { splitWeights } from '../../../onnx/weight-split.ts';
import type { Manifest } from '../../../protocol/manifest/manifest.ts';
import { saidBy, temporaryFolder } from '../../fixtures/data-files.ts';
import { convolutionNetwork, squareNetwork } from '../../fixtures/packed-models.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';

const ROOT = new URL('../../../', import.meta.url);
const DIGITS = fileURLToPath(new URL('models/digits/', ROOT));
const folder = temporaryFolder();

function manifestIn(path: string): Manifest {
  return JSON.parse(readFileSync(join(path, 'model.json'), 'utf8')) as Manifest;
}

function editManifest(path: string, edit: (manifest: Manifest) => void): void {
  const manifest = manifestIn(path);
  edit(manifest);
  writeFileSync(join(path, 'model.json'), JSON.stringify(manifest));
}

/** A packed model in a new folder of this name. */
async function packedNetwork(name: string, ...args: string[]): Promise<string> {
  const source = join(folder, `${name}-source`);
  mkdirSync(source);
  writeFileSync(join(source, 'network.onnx'), convolutionNetwork());
  const { failure } = await saidBy(runPack, join(source, 'network.onnx'), '--out', join(folder, name), ...args);
  expect(failure).toBe('');
  return join(folder, name);
}

test('a packed folder verifies, and packing and verifying open no connection', async () => {
  const opened: unknown[] = [];
  const note = (message: unknown) => opened.push(message);
  const channels = ['net.client.socket', 'undici:request:create', 'http.client.request.start'];
  for (const channel of channels) subscribe(channel, note);
  const out = join(folder, 'digits');
  const packed = await saidBy(runPack, DIGITS, '--out', out);
  const verified = await saidBy(runVerify, out);
  for (const channel of channels) unsubscribe(channel, note);
  expect([packed.failure, verified.failure]).toEqual(['', '']);
  expect(packed.text).toMatch(/^int8: wasm, \d+ B in 1 file and 1 chunk, optimised, \d+ B new since 1.0.0\n/);
  expect(verified.text).toContain('int8: file and chunks are as described, all 4 golden outputs are within');
  expect(readdirSync(out).filter((file) => file.endsWith('.part'))).toEqual([]);
  expect(manifestIn(out).description).toBe(manifestIn(DIGITS).description);
  expect(opened).toEqual([]);
});

test('packing the packed folder anew into another gives the same manifest', async () => {
  const once = await packedNetwork('once', '--licence', 'MIT', '--name', 'net');
  const source = join(folder, 'once-source', 'network.onnx');
  const again = await saidBy(runPack, source, '--out', join(folder, 'again'), '--manifest', join(once, 'model.json'));
  expect(again.failure).toBe('');
  expect(again.text).toContain(', 0 B new since 1.0.0');
  expect(readFileSync(join(folder, 'again', 'model.json')).equals(readFileSync(join(once, 'model.json')))).toBe(true);
});

const TINY_TEXT = fileURLToPath(new URL('models/tiny-text/', ROOT));
const WORDPIECE = fileURLToPath(new URL('test/vectors/texts-wordpiece.json', ROOT));

/** A classifier of texts in a folder of its own, without a manifest. */
function textModel(name: string): string {
  const source = join(folder, name);
  mkdirSync(source);
  const weights = [{ name: 'table', dims: [64, 4], data: Float32Array.from({ length: 256 }, (_, index) => index / 256) }];
  const ids = { name: 'input_ids', dims: ['batch', 'tokens'], type: 'int64' } as const;
  const mask = { name: 'attention_mask', dims: ['batch', 'tokens'], type: 'int64' } as const;
  const nodes = [
    { operator: 'Gather', inputs: ['table', 'input_ids'], output: 'rows' },
    { operator: 'Cast', inputs: ['attention_mask'], output: 'mask', attributes: { to: { int: 1 } } },
    { operator: 'Unsqueeze', inputs: ['mask', 'axis'], output: 'wide' },
    { operator: 'Mul', inputs: ['rows', 'wide'], output: 'y' },
  ];
  const axis = { name: 'axis', dims: [1], type: 'int64', data: BigInt64Array.of(2n) } as const;
  const graph = onnxModel([ids, mask], nodes, [{ name: 'y', dims: ['batch', 'tokens', 4] }], { weights: [...weights, axis] });
  writeFileSync(join(source, 'text.onnx'), graph);
  return source;
}

test('a tokenizer that is named is published, declared as its files say, and verified', async () => {
  const source = textModel('text');
  const out = join(folder, 'text-packed');
  const args = ['--tokenizer', join(TINY_TEXT, 'tokenizer.json'), '--tokenizer-config', join(TINY_TEXT, 'tokenizer_config.json')];
  const packed = await saidBy(runPack, source, '--out', out, ...args);
  expect(packed.failure).toBe('');
  const bytes = statSync(join(out, 'text.fp32.onnx')).size + statSync(join(TINY_TEXT, 'tokenizer.json')).size;
  expect(packed.text).toContain(`, ${bytes + statSync(join(TINY_TEXT, 'tokenizer_config.json')).size} B in 3 files and 3 chunks`);
  const [ids, mask] = manifestIn(out).inputs;
  expect(ids).toMatchObject({ kind: 'text', text: { pad: 0, unknown: 1 } });
  expect(ids?.preprocess).toMatchObject({ kind: 'text', tokenCountMax: 64, attentionMask: 'attention_mask' });
  expect(mask?.kind).toBe('opaque');
  for (const file of ['tokenizer.json', 'tokenizer_config.json'])
    expect(readFileSync(join(out, file)).equals(readFileSync(join(TINY_TEXT, file)))).toBe(true);
  const verified = await saidBy(runVerify, out);
  expect(verified.failure).toBe('');
  expect(verified.text).toContain('tokenizer.json: file and chunks are as described.\ntokenizer_config.json: file and chunks');
});

test('a tokenizer that the earlier manifest names comes along, with the hash that it has now; one that changed or is missing is found', async () => {
  const source = textModel('text-again');
  const first = join(folder, 'text-first');
  expect((await saidBy(runPack, source, '--out', first, '--tokenizer', WORDPIECE, '--tokens', '9')).failure).toBe('');
  const name = 'texts-wordpiece.json';
  const again = (out: string) => saidBy(runPack, source, '--out', join(folder, out), '--manifest', join(first, 'model.json'));
  const repacked = await again('text-second');
  expect(repacked.text).toContain(', 0 B new since 1.0.0');
  expect(manifestIn(join(folder, 'text-second'))).toEqual(manifestIn(first));
  writeFileSync(join(first, name), `${readFileSync(WORDPIECE, 'utf8')}\n`);
  expect((await saidBy(runVerify, first)).text).toMatch(new RegExp(`^${name} has \\d+ bytes, the manifest says \\d+`, 'm'));
  const changed = await again('text-third');
  const { size } = statSync(join(first, name));
  expect(changed.text).toContain(`, ${size} B new since 1.0.0`);
  expect((await saidBy(runVerify, join(folder, 'text-third'))).failure).toBe('');
  rmSync(join(first, name));
  expect((await again('text-fourth')).failure).toBe(
    `Input "input_ids" needs ${name}, which is not beside the earlier model.json. Name it: --tokenizer FILE.`,
  );
  expect((await saidBy(runVerify, first)).text).toContain(`${name} cannot be read. Publish it with the manifest.`);
});

test('another tokenizer brings its own padding, unknown token and configuration, whatever the earlier manifest says', async () => {
  const source = textModel('text-other');
  const named = ['--tokenizer', join(TINY_TEXT, 'tokenizer.json'), '--tokenizer-config', join(TINY_TEXT, 'tokenizer_config.json')];
  const [first, other, fresh] = ['other-first', 'other-second', 'other-fresh'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  expect((await saidBy(runPack, source, '--out', first, ...named, '--tokens', '9')).failure).toBe('');
  const manifestFile = join(first, 'model.json');
  writeFileSync(manifestFile, readFileSync(manifestFile, 'utf8').replace(/"pad": ?\d+/, '"pad": 5'));
  const replaced = ['--tokenizer', WORDPIECE, '--tokens', '9'];
  expect((await saidBy(runPack, source, '--out', other, '--manifest', manifestFile, ...replaced)).failure).toBe('');
  expect((await saidBy(runPack, source, '--out', fresh, ...replaced)).failure).toBe('');
  const textOf = (out: string) => manifestIn(out).inputs.find(({ kind }) => kind === 'text');
  expect(textOf(other)?.text).toEqual(textOf(fresh)?.text);
  expect(textOf(other)?.preprocess).toEqual(textOf(fresh)?.preprocess);
  expect(textOf(other)?.preprocess).not.toHaveProperty('tokenizerConfig');
});

test('a tokenizer whose files leave something open, or that is none, costs a sentence', async () => {
  const source = textModel('text-open');
  const failureOf = async (...args: string[]) =>
    (await saidBy(runPack, source, '--out', join(folder, 'text-open-packed'), ...args)).failure;
  expect(await failureOf('--tokenizer', WORDPIECE)).toBe(
    'texts-wordpiece.json does not say how long a text may be. Say it: --tokens COUNT.',
  );
  expect(await failureOf('--tokens', '9')).toBe('No input of this model is declared to take texts. Name its tokenizer: --tokenizer FILE.');
  expect(await failureOf('--tokenizer', join(TINY_TEXT, 'config.json'))).toMatch(/^config.json is no tokenizer.json\./);
  expect((await saidBy(runPack, DIGITS, '--out', join(folder, 'no-text'), '--tokenizer', WORDPIECE)).failure).toMatch(
    /^texts-wordpiece.json: which input takes the ids of a text is not clear; they are image\./,
  );
});

test('weights beside the graph are read, and a baseline runs on a packed model with weights outside the graph', async () => {
  const source = join(folder, 'outside');
  mkdirSync(source);
  const whole = squareNetwork(600, 2);
  const split = splitWeights(whole, 1);
  writeFileSync(join(source, 'net.onnx'), split.graph);
  const missing = await saidBy(runPack, source);
  expect(missing.failure).toBe(
    `net.onnx keeps weights in other files ("insitu-own-bytes"), which belong beside it. ${join(source, 'insitu-own-bytes')} cannot be read. Name one that is there and that this user may read.`,
  );
  writeFileSync(join(source, 'insitu-own-bytes'), whole);
  expect((await saidBy(runPack, source)).failure).toBe('');
  const out = join(source, 'packed');
  expect(manifestIn(out).variants[0]?.external?.[0]?.bytes).toBe(2 * 600 * 600 * 4);
  writeFileSync(join(source, 'rows.csv'), `${Array.from({ length: 600 }, (_, index) => `c${index}`).join()}\n`);
  const rows = Buffer.alloc(80 + 48 + 600 * 4);
  rows.write(
    `\x93NUMPY\x01\0${String.fromCharCode(118)}\0{'descr': '<f4', 'fortran_order': False, 'shape': (1, 600), }`.padEnd(127),
    0,
    'latin1',
  );
  rows.write('\n', 127, 'latin1');
  writeFileSync(join(source, 'rows.npy'), rows);
  expect((await saidBy(runBaseline, out, '--data', join(source, 'rows.npy'))).text).toContain('1 examples');
});

test('a changed byte, a lost file, another type and another golden are each found and named', async () => {
  const good = await packedNetwork('good');
  const spoilt = async (name: string, spoil: (path: string) => void) => {
    const path = join(folder, name);
    cpSync(good, path, { recursive: true });
    spoil(path);
    const { text, failure } = await saidBy(runVerify, path);
    expect(failure).toMatch(/: (1 finding|\d findings)\.$/);
    return text;
  };
  const weights = 'network.fp32.weights';
  expect(
    await spoilt('flipped', (path) => {
      const bytes = readFileSync(join(path, weights));
      bytes[100] = (bytes[100] as number) ^ 1;
      writeFileSync(join(path, weights), bytes);
    }),
  ).toMatch(/has another SHA-256 .*\n.*network.fp32.weights: 1 of \d chunks are not what the manifest says \(the first is number 1\)/);
  expect(await spoilt('cut', (path) => writeFileSync(join(path, weights), readFileSync(join(path, weights)).subarray(1)))).toContain(
    ' bytes, the manifest says ',
  );
  expect(await spoilt('unnamed', (path) => editManifest(path, ({ variants }) => delete variants[0]?.external))).toContain(
    'the graph keeps weights in "weights", which the manifest does not name',
  );
  expect(
    await spoilt('typed', (path) =>
      editManifest(path, ({ inputs }) => {
        (inputs[0] as { type: string }).type = 'int64';
      }),
    ),
  ).toContain('"x" is float32 in the graph and int64 in model.json');
  expect(
    await spoilt('golden', (path) =>
      editManifest(path, ({ golden }) => {
        (golden[0]?.outputs.y?.data as number[])[3] = 99;
      }),
    ),
  ).toContain('output "y" is not within');
  const lost = await spoilt('lost', (path) => {
    copyFileSync(join(path, weights), join(path, 'elsewhere'));
    writeFileSync(join(path, 'model.json'), readFileSync(join(path, 'model.json'), 'utf8').replaceAll(weights, 'gone.weights'));
  });
  expect(lost).toContain('gone.weights cannot be read. Publish it with the manifest.');
});

test('int8 for WebGPU and fp16 without shader-f16 are found', async () => {
  const path = join(folder, 'rules');
  expect((await saidBy(runPack, DIGITS, '--out', path, '--no-optimize')).failure).toBe('');
  editManifest(path, ({ variants }) => {
    for (const variant of variants) {
      variant.providers = ['webgpu', 'wasm'];
      delete variant.features;
    }
  });
  const { text } = await saidBy(runVerify, path);
  expect(text).toContain('int8: its int8 operators would run on the CPU with a copy at each border on webgpu.');
  expect(text).toContain('fp16: half floats on WebGPU need "shader-f16"');
});

test('a signature is of the very bytes, by the key that signed, and a key is never written over', async () => {
  const key = join(folder, 'key.pem');
  const made = await saidBy(runPack, '--keygen', key);
  const publicKey = /Public key: (\S{44})\n/.exec(made.text)?.[1] as string;
  // Windows has no such bits; there a file is as private as its folder.
  if (process.platform !== 'win32') expect(statSync(key).mode & 0o777).toBe(0o600);
  expect((await saidBy(runPack, '--keygen', key)).failure).toMatch(/is there already, and a key is never written over/);
  const path = await packedNetwork('signed', '--sign', key);
  expect(readFileSync(join(path, 'model.json.sig'), 'utf8')).toMatch(/^[\w+/]{86}==\n$/);
  // The page checks with WebCrypto: so does this.
  const raw = Uint8Array.from(Buffer.from(publicKey, 'base64'));
  const imported = await crypto.subtle.importKey('raw', raw, 'Ed25519', false, ['verify']);
  const signature = Uint8Array.from(Buffer.from(readFileSync(join(path, 'model.json.sig'), 'utf8').trim(), 'base64'));
  expect(await crypto.subtle.verify('Ed25519', imported, signature, readFileSync(join(path, 'model.json')))).toBe(true);
  expect((await saidBy(runVerify, path, '--key', publicKey)).text).toMatch(`Signed by ${publicKey}.\n`);
  const other = /Public key: (\S{44})\n/.exec((await saidBy(runPack, '--keygen', join(folder, 'other.pem'))).text)?.[1] as string;
  expect((await saidBy(runVerify, path, '--key', other)).text).toContain('not signed by any of the keys');
  expect((await saidBy(runVerify, path, '--key', other, '--key', publicKey)).failure).toBe('');
  editManifest(path, () => undefined);
  expect((await saidBy(runVerify, path, '--key', publicKey)).text).toContain('it was changed after signing');
  // Packed anew without a key, the old signature goes: it would refuse the new manifest everywhere.
  const anew = await saidBy(runPack, join(folder, 'signed-source'), '--out', path);
  expect(anew.failure).toBe('');
  expect(anew.text).toContain('model.json.sig was of the manifest before and is gone');
  expect(existsSync(join(path, 'model.json.sig'))).toBe(false);
  expect((await saidBy(runVerify, path, '--key', publicKey)).text).toContain('model.json.sig is not there. Sign the model');
});

test('the files that are packed are never written over', async () => {
  const source = join(folder, 'over');
  cpSync(DIGITS, source, { recursive: true });
  const before = readdirSync(source);
  const { failure } = await saidBy(runPack, source, '--out', source, '--no-optimize');
  expect(failure).toMatch(/digits.*onnx would be written over. Name another folder: --out DIR.$/);
  expect(readdirSync(source)).toEqual(before);
});

test('a command line that cannot be understood costs a sentence', async () => {
  const failureOf = async (...args: string[]) => (await saidBy(runPack, ...args)).failure;
  expect(await failureOf()).toBe('Name the .onnx files, or a folder of them. See insitu pack --help.');
  expect(await failureOf('nowhere.onnx')).toBe('nowhere.onnx is not there. See insitu pack --help.');
  expect(await failureOf(fileURLToPath(new URL('docs', ROOT)))).toMatch(/docs\/? holds no .onnx file/);
  expect(await failureOf('--variant', 'int8')).toBe('--variant is written ID=FILE, not "int8".');
  expect(await failureOf(DIGITS, '--chunk', '8m')).toBe('--chunk is a length from 4k to 4m, not "8m".');
  expect(await failureOf(DIGITS, '--axis', 'batch=0')).toBe('--axis must be a whole number from 1 on, not "0".');
  expect(await failureOf(DIGITS, '--sign', join(DIGITS, 'model.json'))).toMatch(/is no private Ed25519 key/);
  expect(await failureOf('--colour')).toBe("Unknown option '--colour'. See insitu pack --help.");
  expect((await saidBy(runVerify)).failure).toBe('Name one model folder. See insitu verify --help.');
  expect((await saidBy(runVerify, folder)).failure).toBe(
    `${join(folder, 'model.json')} cannot be read. Name one that is there and that this user may read.`,
  );
  expect((await saidBy(runTypes, 'nowhere')).failure).toBe('nowhere is no folder and no model.json. See insitu types --help.');
});

test('the types of a model accept its feeds and refuse another name, type and number of axes', async () => {
  const { text } = await saidBy(runTypes, DIGITS);
  const path = fileURLToPath(new URL('.build/model-types/', ROOT));
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, 'model.ts'), text);
  const use = `
    import type { TensorInput, TensorOutput } from '../../sdk/api/tensors.ts';
    import type { DigitsModel, DigitsModelScoresLabel } from './model.ts';
    import { digitsModelScoresLabels } from './model.ts';
    interface Signature { readonly feeds: Readonly<Record<string, TensorInput>>; readonly outputs: Readonly<Record<string, TensorOutput>> }
    declare function run<S extends Signature>(feeds: S['feeds']): Promise<S['outputs']>;
    const data = new Float32Array(64);
    const { scores } = await run<DigitsModel>({ image: { data, dims: [1, 1, 8, 8] } });
    const first: number | undefined = scores.data[0];
    const label: DigitsModelScoresLabel | undefined = digitsModelScoresLabels[3];
    // @ts-expect-error another name
    await run<DigitsModel>({ picture: { data, dims: [1, 1, 8, 8] } });
    // @ts-expect-error another type
    await run<DigitsModel>({ image: { data: new Int32Array(64), dims: [1, 1, 8, 8] } });
    // @ts-expect-error an axis too few
    await run<DigitsModel>({ image: { data, dims: [1, 8, 8] } });
    // @ts-expect-error another length
    await run<DigitsModel>({ image: { data, dims: [1, 3, 8, 8] } });
    // @ts-expect-error an output that the model does not have
    (await run<DigitsModel>({ image: { data, dims: [2, 1, 8, 8] } })).classes;
    // @ts-expect-error no label of the model
    const wrong: DigitsModelScoresLabel = '10';
    export { first, label, wrong };
  `;
  writeFileSync(join(path, 'use.ts'), use);
  writeFileSync(
    join(path, 'tsconfig.json'),
    JSON.stringify({ extends: '../../sdk/tsconfig.json', include: ['./*.ts', '../../sdk/release.d.ts'] }),
  );
  const compiler = fileURLToPath(new URL('node_modules/typescript/bin/tsc', ROOT));
  const compile = () => execFileSync(process.execPath, [compiler, '-p', path], { stdio: 'pipe', encoding: 'utf8' });
  expect(compile).not.toThrow();
}, 60_000);

// On Windows Ctrl-C comes from a console alone; a process that signals itself just ends.
test.runIf(process.platform !== 'win32')('Ctrl-C while writing leaves the folder as it was', async () => {
  const script = `
    import { existsSync } from 'node:fs';
    import { writeAllWhole } from ${JSON.stringify(new URL('.build/whole-files.mjs', ROOT).href)};
    const writing = writeAllWhole(process.argv[1], new Map([['a', new Uint8Array(8)], ['b', new Uint8Array(256e6)], ['model.json', '{}']]));
    while (!existsSync(process.argv[1] + '/b.' + process.pid + '.part')) await new Promise((resolve) => setTimeout(resolve, 1));
    process.kill(process.pid, 'SIGINT');
    await writing;
  `;
  const { rolldown } = await import('rolldown');
  const bundle = await rolldown({ input: fileURLToPath(new URL('cli/folder/whole-files.ts', ROOT)), platform: 'node' });
  await bundle.write({ file: fileURLToPath(new URL('.build/whole-files.mjs', ROOT)), format: 'esm' });
  const out = join(folder, 'interrupted');
  const { code } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, out]).then(
    () => ({ code: 0 }),
    (error: { code: number }) => error,
  );
  expect(code).toBe(130);
  expect(readdirSync(out)).toEqual([]);
});
