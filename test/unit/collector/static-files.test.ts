/**
 * Which files the collector serves, with which headers, and which it keeps to itself.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Collector, startCollector } from '../../../collector/index.ts';

const FILES = {
  'site/index.html': '<h1>demo</h1>',
  'site/dashboard/index.html': '<h1>dashboard</h1>',
  'site/sw.js': '',
  'site/assets/index-Ab12_-xY.css': 'p{}',
  'library/insitu.js': 'export {};',
  'library/insitu.worker.js': '1',
  'library/ort/ort.wasm.bundle.min.mjs': '2',
  'library/ort/ort-wasm-simd-threaded.wasm': '\0asm',
  'library/ort/ort-wasm-simd-threaded.snapshot.wasm': '\0asm\x01',
  'library/node/cli.js': 'secret',
  'library/types/sdk/index.d.ts': 'secret',
  'models/digits/model.json': '{}',
  'models/digits/digits.int8.onnx': 'onnx',
  'models/digits/model.json.sig': 'c2ln\n',
  'models/digits/baseline.json': 'secret',
  'models/digits/train.py': 'secret',
  'models/digits/.hidden.json': 'secret',
  'outside.json': 'secret',
};

let folder: string;
let collector: Collector;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-static-'));
  for (const [name, text] of Object.entries(FILES)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  collector = await startCollector({
    ...{ port: 0, dataFolder: join(folder, 'data'), modelsFolder: join(folder, 'models') },
    ...{ siteFolder: join(folder, 'site'), libraryFolder: join(folder, 'library') },
  });
});
afterAll(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

describe('served', () => {
  const table: readonly [string, string, string, 'site' | 'shared'][] = [
    ['/', '<h1>demo</h1>', 'text/html; charset=utf-8', 'site'],
    ['/dashboard/', '<h1>dashboard</h1>', 'text/html; charset=utf-8', 'site'],
    ['/dashboard', '<h1>dashboard</h1>', 'text/html; charset=utf-8', 'site'],
    ['/assets/index-Ab12_-xY.css', 'p{}', 'text/css; charset=utf-8', 'site'],
    ['/sw.js', '', 'text/javascript; charset=utf-8', 'site'],
    ['/insitu/insitu.js', 'export {};', 'text/javascript; charset=utf-8', 'shared'],
    ['/insitu/insitu.worker.js?v=1', '1', 'text/javascript; charset=utf-8', 'shared'],
    ['/insitu/ort/ort.wasm.bundle.min.mjs', '2', 'text/javascript; charset=utf-8', 'shared'],
    ['/insitu/ort/ort-wasm-simd-threaded.wasm', '\0asm', 'application/wasm', 'shared'],
    ['/insitu/ort/ort-wasm-simd-threaded.snapshot.wasm', '\0asm\x01', 'application/wasm', 'shared'],
    ['/models/digits/model.json', '{}', 'application/json; charset=utf-8', 'shared'],
    ['/models/digits/model.json.sig', 'c2ln\n', 'text/plain; charset=utf-8', 'shared'],
    ['/models/digits/digits.int8.onnx', 'onnx', 'application/octet-stream', 'shared'],
  ];
  for (const [path, text, type, area] of table) {
    test(`${path} as ${type}, isolated, readable ${area === 'shared' ? 'from any origin' : 'here only'}`, async () => {
      const response = await fetch(collector.url + path);
      expect(response.status).toBe(200);
      expect(await response.text()).toBe(text);
      const header = (name: string) => response.headers.get(name);
      expect(header('content-type')).toBe(type);
      expect(header('content-length')).toBe(String(Buffer.byteLength(text)));
      expect(header('cross-origin-opener-policy')).toBe('same-origin');
      expect(header('cross-origin-embedder-policy')).toBe('require-corp');
      expect(header('cross-origin-resource-policy')).toBe(area === 'shared' ? 'cross-origin' : 'same-origin');
      expect(header('access-control-allow-origin')).toBe(area === 'shared' ? '*' : null);
      expect(header('content-security-policy') !== null).toBe(area === 'site');
      expect(header('cache-control')).toBe(path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache');
    });
  }

  test('a page allows no inline script, no eval and no other origin', async () => {
    const policy = (await fetch(`${collector.url}/`)).headers.get('content-security-policy') ?? '';
    expect(policy).toContain("script-src 'self' 'wasm-unsafe-eval';");
    expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'|https?:|\*/);
  });

  test('a file that did not change is answered with 304, one that did with its bytes', async () => {
    const first = await fetch(`${collector.url}/models/digits/model.json`);
    const headers = { 'If-None-Match': first.headers.get('etag') ?? '' };
    const second = await fetch(`${collector.url}/models/digits/model.json`, { headers });
    expect([second.status, await second.text()]).toEqual([304, '']);
    await writeFile(join(folder, 'models/digits/model.json'), '{ }');
    expect(await (await fetch(`${collector.url}/models/digits/model.json`, { headers })).text()).toBe('{ }');
    await writeFile(join(folder, 'models/digits/model.json'), '{}');
  });

  test('HEAD has the headers of GET and no body', async () => {
    const response = await fetch(`${collector.url}/models/digits/digits.int8.onnx`, { method: 'HEAD' });
    expect([response.status, response.headers.get('content-length'), await response.text()]).toEqual([200, '4', '']);
  });
});

/** Unlike fetch, sends the path as it is written. */
function rawGet(path: string): Promise<{ status: number; text: string }> {
  const { hostname, port } = new URL(collector.url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path }, (response) => {
      let text = '';
      response.on('data', (bytes: Buffer) => {
        text += bytes.toString();
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    })
      .on('error', reject)
      .end();
  });
}

describe('kept', () => {
  const paths = [
    '/models/digits/baseline.json',
    '/models/digits/BASELINE.JSON/../baseline.json',
    '/models/digits/%62aseline.json',
    '/models/digits/train.py',
    '/models/digits/.hidden.json',
    '/models/../outside.json',
    '/models/%2e%2e/outside.json',
    '/models/..%2foutside.json',
    '/models/digits/..%5c..%5coutside.json',
    '/models//digits/model.json',
    '/models/digits',
    '/insitu/node/cli.js',
    '/insitu/types/sdk/index.d.ts',
    '/insitu/ort/../node/cli.js',
    '/data/insitu.duckdb',
    '/absent.onnx',
    '/absent',
    '/%',
    '/%00',
  ];
  for (const path of paths) {
    test(`${path} is a 404 with a sentence`, async () => {
      expect(await rawGet(path)).toEqual({ status: 404, text: 'Nothing is served at this address.' });
    });
  }

  test('a page on another origin can read that a model is not there', async () => {
    const response = await fetch(`${collector.url}/models/absent/model.json`);
    expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([404, '*']);
  });
});
