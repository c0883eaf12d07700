/**
 * Assets: the URL of every file that the page and the worker fetch, in one table.
 *
 * Why a table of literals: `new URL('./file', import.meta.url)`, written exactly so, is what application bundlers recognise;
 * they copy the file and may rename it, so no path may be computed from another one. The table travels to the worker.
 * Why not `new Worker(new URL(…))` in one expression: bundlers would rebuild our worker as a classic script, in which the
 * dynamic import of the runtime fails.
 *
 * Invariants
 *  - Absolute URLs only. All files are of one release.
 *  - The literals name the files of protocol/shipped-files.json, each once (test/unit/sdk/shipped-files.test.ts).
 */
import * as shipped from '../../protocol/shipped-files.json';
import type { AssetUrls } from '../../protocol/worker/loading.ts';
import { resolved } from '../api/foreign.ts';

export interface AssetTable extends AssetUrls {
  readonly worker: string;
  readonly delivery: string;
  readonly counts: string;
  readonly localDp: string;
}

/** The files beside this module, wherever a bundler has put them. For the ESM build only: a classic script has no `import.meta`. */
export function assetsBesideModule(): AssetTable {
  return {
    worker: new URL('./insitu.worker.js', import.meta.url).href,
    delivery: new URL('./insitu.delivery.js', import.meta.url).href,
    counts: new URL('./insitu.counts.js', import.meta.url).href,
    localDp: new URL('./insitu.local-dp.js', import.meta.url).href,
    tokenizer: new URL('./insitu.tokenizer.js', import.meta.url).href,
    runtimes: {
      wasm: {
        module: new URL('./ort/ort.wasm.bundle.min.mjs', import.meta.url).href,
        wasm: new URL('./ort/ort-wasm-simd-threaded.wasm', import.meta.url).href,
        snapshot: new URL('./ort/ort-wasm-simd-threaded.snapshot.wasm', import.meta.url).href,
      },
      webgpu: {
        module: new URL('./ort/ort.webgpu.bundle.min.mjs', import.meta.url).href,
        wasm: new URL('./ort/ort-wasm-simd-threaded.asyncify.wasm', import.meta.url).href,
        snapshot: null,
      },
      jspi: {
        module: new URL('./ort/ort.jspi.bundle.min.mjs', import.meta.url).href,
        wasm: new URL('./ort/ort-wasm-simd-threaded.jspi.wasm', import.meta.url).href,
        snapshot: null,
      },
    },
  };
}

/** The files of insitu's dist/ folder at another place. */
export function assetsIn(folder: string | URL): AssetTable {
  const base = resolved(folder);
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  const at = (file: string) => new URL(file, base).href;
  return {
    worker: at(shipped.worker),
    delivery: at(shipped.delivery),
    counts: at(shipped.counts),
    localDp: at(shipped.localDp),
    tokenizer: at(shipped.tokenizer),
    runtimes: {
      wasm: { module: at(shipped.wasmModule), wasm: at(shipped.wasmBinary), snapshot: at(shipped.wasmSnapshot) },
      webgpu: { module: at(shipped.webgpuModule), wasm: at(shipped.webgpuBinary), snapshot: null },
      jspi: { module: at(shipped.jspiModule), wasm: at(shipped.jspiBinary), snapshot: null },
    },
  };
}
