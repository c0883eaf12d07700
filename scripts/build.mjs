/**
 * Builds everything that a user runs, into dist/.
 *
 *   node scripts/build.mjs [lib] [node] [site]      default: all three
 *
 *   lib   what a page fetches, by the names in protocol/shipped-files.json: `entries` that an application names, files that those
 *         fetch when needed, dist/ort/ (onnxruntime-web as published, three builds, and the snapshot); dist/types/
 *   node  dist/node/cli.js and dist/node/collector.js, with native and server packages left outside
 *   site  dist/site/: demo, dashboard, service worker (vite.config.ts)
 *
 * The library is built by rolldown and not by vite's library mode, because `new URL('./file', import.meta.url)` must
 * stay as written: the application's bundler resolves it.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { definitions } from './definitions.mjs';
import { writeManifestTypes } from './manifest-types.mjs';

const root = new URL('..', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));
const parts = process.argv.slice(2);
const wants = (part) => parts.length === 0 || parts.includes(part);
const transform = { define: definitions };

const { entries, ...shipped } = JSON.parse(readFileSync(path('protocol/shipped-files.json'), 'utf8'));
/** onnxruntime-web's files, unchanged: each module with the one binary that belongs to it, and what two of them import in Node. */
const RUNTIME_FILES = [
  ...[shipped.wasmModule, shipped.wasmBinary, shipped.wasmInNode],
  ...[shipped.webgpuModule, shipped.webgpuBinary, shipped.webgpuInNode],
  ...[shipped.jspiModule, shipped.jspiBinary],
];

/** A constant of another file costs its value and no name. */
const optimization = { inlineConst: true };

async function bundle(input, output, options = {}) {
  const build = await rolldown({ input: path(input), transform, platform: 'browser', treeshake: true, optimization, ...options });
  await build.write({ minify: true, codeSplitting: false, sourcemap: true, ...output });
  await build.close();
}

async function buildLibrary() {
  const page = { transform: { define: { ...definitions, __IS_PAGE__: 'true' } } };
  await bundle('sdk/index.ts', { file: path(`dist/${entries.module}`), format: 'esm' }, page);
  await bundle('sdk/global.ts', { file: path(`dist/${entries.global}`), format: 'iife', name: 'insitu' }, page);
  await bundle('sdk/delivery/delivery.ts', { file: path(`dist/${shipped.delivery}`), format: 'esm' });
  await bundle('sdk/counting/entry.ts', { file: path(`dist/${shipped.counts}`), format: 'esm' });
  await bundle('sdk/sent-element/sent-element.ts', { file: path(`dist/${entries.element}`), format: 'esm' });
  await bundle('sdk/service-worker/service-worker.ts', { file: path(`dist/${entries.serviceWorker}`), format: 'iife', name: 'insitu' });
  await bundle('sdk/service-worker/service-worker.ts', { file: path(`dist/${entries.serviceWorkerModule}`), format: 'esm' });
  await bundle('sdk/local-dp/entry.ts', { file: path(`dist/${shipped.localDp}`), format: 'esm' });
  await bundle('worker/prepare/text-tokenizer.ts', { file: path(`dist/${shipped.tokenizer}`), format: 'esm' });
  await bundle('worker/inference-worker.ts', { file: path(`dist/${shipped.worker}`), format: 'esm' });
  mkdirSync(path('dist/ort'), { recursive: true });
  for (const file of RUNTIME_FILES) copyFileSync(path(`node_modules/onnxruntime-web/dist/${basename(file)}`), path(`dist/${file}`));
  await buildSnapshot();
  rmSync(path('dist/types'), { recursive: true, force: true });
  execFileSync(process.execPath, [path('node_modules/typescript/bin/tsc'), '-p', path('sdk/tsconfig.build.json')], { stdio: 'inherit' });
  await bundle('protocol/manifest/manifest.ts', { file: path('.build/manifest.mjs'), format: 'esm' });
  const { ManifestSchema } = await import(pathToFileURL(path('.build/manifest.mjs')).href);
  writeManifestTypes(ManifestSchema, path('dist/types/protocol/manifest/manifest.d.ts'));
}

/** Made again only when the runtime is another one, or how it is made. */
async function buildSnapshot() {
  const file = path(`dist/${shipped.wasmSnapshot}`);
  const id = JSON.parse(definitions.__SNAPSHOT__);
  const made = path(`.build/runtime-snapshot-${id}.wasm`);
  if (!existsSync(made)) {
    mkdirSync(path('.build'), { recursive: true });
    // In a process of its own: the runtime leaves threads and a heap behind.
    const recipe = path('scripts/runtime-snapshot.mjs');
    execFileSync(process.execPath, [recipe, path('node_modules/onnxruntime-web/dist/'), id, made], { stdio: 'inherit' });
  }
  copyFileSync(made, file);
}

/** Two entries and their shared chunks: a command imports what it needs when it is asked for, and not before. */
async function buildNode() {
  const external = [/^node:/, ...builtinModules, /^@duckdb\//, /^hono/, /^@hono\//, /^onnxruntime-web/, 'sharp', 'nodemailer'];
  const input = { cli: path('cli/insitu.ts'), collector: path('collector/index.ts') };
  const build = await rolldown({ input, transform, platform: 'node', treeshake: true, external });
  const banner = (chunk) => (chunk.name === 'cli' ? '#!/usr/bin/env node' : '');
  // Beside the entries, from where a module finds dist/; and never of an entry's name, which a command may share.
  const chunkFileNames = '[name].part.js';
  const { output } = await build.write({ dir: path('dist/node'), format: 'esm', sourcemap: true, chunkFileNames, banner });
  await build.close();
  const written = new Set(output.map((file) => file.fileName));
  for (const name of readdirSync(path('dist/node'))) if (!written.has(name)) rmSync(path(`dist/node/${name}`));
  // A process of its own, started by its path.
  copyFileSync(path('cli/runtime/gpu-probe.mjs'), path('dist/node/gpu-probe.mjs'));
  chmodSync(path('dist/node/cli.js'), 0o755);
}

async function buildSite() {
  const { build } = await import('vite');
  await build({ configFile: path('vite.config.ts'), logLevel: 'error' });
}

if (wants('lib')) await buildLibrary();
if (wants('node')) await buildNode();
if (wants('site')) await buildSite();
if (!existsSync(path('dist'))) throw new Error('nothing was built; name lib, node or site');
