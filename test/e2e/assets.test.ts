/** `insitu assets` as a user runs it: the built command, a folder, and what is in it then. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
const CLI = join(dist, 'node/cli.js');
/** The limit of a large static host, per file. */
const LIMIT_BYTES = 25 * 1024 * 1024;
const LARGE = 'ort/ort-wasm-simd-threaded.asyncify.wasm';
let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'insitu-assets-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const run = (...args: string[]) => execFileSync(process.execPath, [CLI, 'assets', ...args], { encoding: 'utf8' });
const filesIn = (path: string) =>
  readdirSync(path, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(path, name)).isFile())
    .sort();

test('the folder holds every script and runtime of dist/, byte for byte, and no source map', () => {
  const target = join(folder, 'whole');
  const text = run(target);
  const files = filesIn(target);
  expect(files).toContain('insitu.worker.js');
  expect(files).toContain(LARGE);
  expect(files).toContain('ort/ort-wasm-simd-threaded.snapshot.wasm');
  expect(files.filter((name) => name.endsWith('.map'))).toEqual([]);
  for (const name of files) {
    const bytes = readFileSync(join(target, name));
    expect(bytes.equals(readFileSync(join(dist, name)))).toBe(true);
    expect(text).toContain(`${bytes.length}  ${name}\n`);
  }
  expect(text).toContain('Cross-Origin-Embedder-Policy: require-corp');
});

test('a binary over --max-file-bytes is there gzipped and not otherwise, and as it is once the limit is gone', () => {
  const target = join(folder, 'limited');
  run(target, '--only', 'webgpu');
  expect(existsSync(join(target, LARGE))).toBe(true);
  const text = run(target, '--only', 'webgpu', '--max-file-bytes', String(LIMIT_BYTES));
  expect(filesIn(target).filter((name) => name.endsWith('.wasm') || name.endsWith('.gz'))).toEqual([`${LARGE}.gz`]);
  expect(gunzipSync(readFileSync(join(target, `${LARGE}.gz`))).equals(readFileSync(join(dist, LARGE)))).toBe(true);
  expect(Math.max(...filesIn(target).map((name) => statSync(join(target, name)).size))).toBeLessThanOrEqual(LIMIT_BYTES);
  expect(text).toContain('no Content-Encoding');
  run(target, '--only', 'webgpu');
  expect(existsSync(join(target, `${LARGE}.gz`))).toBe(false);
});

test('a limit that no compression meets, an unknown runtime and no folder each cost one sentence, and nothing is written', () => {
  const target = join(folder, 'none');
  const refused: readonly (readonly [number, readonly string[]])[] = [
    [1, [target, '--max-file-bytes', '1000']],
    [2, [target, '--only', 'webgl']],
    [2, []],
    [2, [target, 'more']],
  ];
  for (const [code, args] of refused) {
    const { status, stderr } = spawnSync(process.execPath, [CLI, 'assets', ...args], { encoding: 'utf8' });
    expect(status).toBe(code);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  }
  expect(existsSync(target)).toBe(false);
});
