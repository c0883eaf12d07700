/**
 * Definitions: what a build knows and the sources name in capitals; for scripts/build.mjs and vitest.config.ts.
 *
 *   __RELEASE__        package.json's version
 *   __DUCKDB__         @duckdb/node-api's version, which package.json names among the optional peers
 *   __NODEMAILER__     nodemailer's, likewise
 *   __RUNTIME__        onnxruntime-web's version
 *   __RUNTIME_BYTES__  the lengths of its binaries by build, so that one of another release is told apart
 *   __SNAPSHOT__       the id of the snapshot of the plain WASM build (scripts/runtime-snapshot.mjs)
 *   __IS_PAGE__        true in the page's own script alone, which is spared what only reaches it from elsewhere
 */
import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const runtime = new URL('node_modules/onnxruntime-web/', root);
const versionIn = (folder) => JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')).version;
const { peerDependencies } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
const bytesOf = (name) => statSync(new URL(`dist/${name}`, runtime)).size;

/** Of the binary and of the recipe: a change of either makes another snapshot. */
const snapshotId = ['node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm', 'scripts/runtime-snapshot.mjs']
  .reduce((hash, name) => hash.update(readFileSync(new URL(name, root))), createHash('sha256'))
  .digest('hex')
  .slice(0, 16);

export const definitions = {
  __IS_PAGE__: 'false',
  __SNAPSHOT__: JSON.stringify(snapshotId),
  __RELEASE__: JSON.stringify(versionIn(root)),
  __DUCKDB__: JSON.stringify(peerDependencies['@duckdb/node-api']),
  __NODEMAILER__: JSON.stringify(/\d+/.exec(peerDependencies.nodemailer)[0]),
  __RUNTIME__: JSON.stringify(versionIn(runtime)),
  __RUNTIME_BYTES__: JSON.stringify({
    wasm: bytesOf('ort-wasm-simd-threaded.wasm'),
    webgpu: bytesOf('ort-wasm-simd-threaded.asyncify.wasm'),
    jspi: bytesOf('ort-wasm-simd-threaded.jspi.wasm'),
  }),
};
