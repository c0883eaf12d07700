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
    worker: inPage(new URL('./insitu.worker.js', import.meta.url)),
    delivery: inPage(new URL('./insitu.delivery.js', import.meta.url)),
    counts: inPage(new URL('./insitu.counts.js', import.meta.url)),
    localDp: inPage(new URL('./insitu.local-dp.js', import.meta.url)),
    tokenizer: inPage(new URL('./insitu.tokenizer.js', import.meta.url)),
    runtimes: {
      wasm: {
        module: inPage(new URL('./ort/ort.wasm.bundle.min.mjs', import.meta.url)),
        wasm: inPage(new URL('./ort/ort-wasm-simd-threaded.wasm', import.meta.url)),
        snapshot: inPage(new URL('./ort/ort-wasm-simd-threaded.snapshot.wasm', import.meta.url)),
      },
      webgpu: {
        module: inPage(new URL('./ort/ort.webgpu.bundle.min.mjs', import.meta.url)),
        wasm: inPage(new URL('./ort/ort-wasm-simd-threaded.asyncify.wasm', import.meta.url)),
        snapshot: null,
      },
      jspi: {
        module: inPage(new URL('./ort/ort.jspi.bundle.min.mjs', import.meta.url)),
        wasm: inPage(new URL('./ort/ort-wasm-simd-threaded.jspi.wasm', import.meta.url)),
        snapshot: null,
      },
    },
  };
}

/** A bundler may answer with an object whose `href` is a path and no address: Next's does, under webpack. */
const inPage = ({ href }: URL): string => resolved(href).href;

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
