/**
 * The runtime's files: gzipped where the plain one is not there, of this release or refused, and never out of memory in silence.
 */
import { gzipSync } from 'node:zlib';
import { expect } from 'vitest';
import type { Explanation } from '../../../sdk/api/load.ts';
import { loadDigits, type Outcome, readRepositoryFile, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';
import type { Fault } from '../../harness/static-server.ts';

type Loaded = Outcome<Explanation>;

const BINARY = 'ort-wasm-simd-threaded.wasm';
const MODULE = 'ort.wasm.bundle.min.mjs';
const ABSENT: Fault = { status: 404, body: '' };
const ON_WASM = loadDigits(`{ provider: 'wasm' }`);

/** How hosts answer for what they do not have, and for the gzipped file beside it. */
const HOSTS: readonly { readonly what: string; readonly absent: Fault; readonly headers: Record<string, string> }[] = [
  { what: 'a 404', absent: ABSENT, headers: {} },
  { what: 'a web page', absent: { body: '<!doctype html>', headers: { 'Content-Type': 'text/html' } }, headers: {} },
  { what: 'a 404, and inflates the other one itself', absent: ABSENT, headers: { 'Content-Encoding': 'gzip' } },
];

for (const { what, absent, headers } of HOSTS) {
  browserTest(
    `a host that answers for the binary with ${what} serves it gzipped`,
    what === 'a 404' ? ['chromium', 'firefox', 'webkit'] : ['chromium'],
    async ({ page }) => {
      await withServer(page, async (server) => {
        server.faults.set(`/insitu/ort/${BINARY}`, absent);
        server.faults.set(`/insitu/ort/${BINARY}.gz`, {
          body: gzipSync(await readRepositoryFile(`dist/ort/${BINARY}`), { level: 1 }),
          headers,
        });
        expect(await page.evaluate<Loaded>(ON_WASM)).toMatchObject({ ok: true, value: { provider: 'wasm', build: 'wasm' } });
        expect(await page.evaluate('() => model.run(digit()).then(({ outputs }) => outputs.scores.dims)')).toEqual([1, 10]);
      });
    },
  );
}

browserTest('a binary that is neither there nor beside it gzipped ends in asset-unreachable with both', async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set(`/insitu/ort/${BINARY}`, ABSENT);
    const reason = `HTTP 404, and ${BINARY}.gz is not there either`;
    expect(await page.evaluate<Loaded>(ON_WASM)).toMatchObject({
      ok: false,
      code: 'asset-unreachable',
      details: { asset: BINARY, reason },
    });
  });
});

browserTest(
  'a binary of another release ends in runtime-mismatch with both lengths, and the next load has a fresh worker',
  async ({ page }) => {
    await withServer(page, async (server) => {
      const [right, other] = await Promise.all(
        [BINARY, 'ort-wasm-simd-threaded.jspi.wasm'].map((file) => readRepositoryFile(`dist/ort/${file}`)),
      );
      server.faults.set(`/insitu/ort/${BINARY}`, { body: other as Buffer });
      expect(await page.evaluate<Loaded>(ON_WASM)).toMatchObject({
        ok: false,
        code: 'runtime-mismatch',
        details: { asset: BINARY, expected: `${right?.length} bytes`, actual: `${other?.length} bytes` },
      });
      server.faults.clear();
      expect(await page.evaluate<Loaded>(ON_WASM)).toMatchObject({ ok: true, value: { provider: 'wasm' } });
    });
  },
);

browserTest('a module of another release ends in runtime-mismatch with both versions', ['chromium'], async ({ page }) => {
  await withServer(page, async (server) => {
    const { version } = JSON.parse((await readRepositoryFile('node_modules/onnxruntime-web/package.json')).toString()) as {
      version: string;
    };
    const module = (await readRepositoryFile(`dist/ort/${MODULE}`)).toString();
    server.faults.set(`/insitu/ort/${MODULE}`, { body: module.replaceAll(version, '9.9.9') });
    expect(await page.evaluate<Loaded>(ON_WASM)).toMatchObject({
      ok: false,
      code: 'runtime-mismatch',
      details: { asset: MODULE, expected: version, actual: '9.9.9' },
    });
  });
});

/** y = x expanded to 4.29 GB: just below what 32 bits can address, and more than a WASM heap with a runtime in it has left. */
const GIANT = onnxModel(
  [{ name: 'x', dims: [1] }],
  [{ operator: 'Expand', inputs: ['x', 'dims'], output: 'y' }],
  [{ name: 'y', dims: ['many'] }],
  { weights: [{ name: 'dims', dims: [1], type: 'int64', data: BigInt64Array.of(1_073_000_000n) }] },
);

browserTest('a run that needs more memory than there can be ends in out-of-memory without a number of the input', async ({ page }) => {
  await withServer(page, async () => {
    const outcome = await page.evaluate<Outcome<unknown>>(
      `async (bytes) => {
        const model = await insitu.createClient().load({ name: 'giant.onnx', bytes: Uint8Array.from(bytes) }, { provider: 'wasm' });
        return outcome(() => model.run({ x: { data: [4711], dims: [1] } }).then(() => null));
      }`,
      [...GIANT],
    );
    expect(outcome).toMatchObject({ ok: false, code: 'out-of-memory' });
    expect(JSON.stringify(outcome)).not.toContain('4711');
  });
});
