/**
 * Freshness: is dist/ there, and younger than everything that it is built from?
 *
 * Invariants
 *  - Looks at times only; a wrong "stale" costs a build of seconds, a wrong "fresh" cannot come from an edit.
 *
 * Not here: building (scripts/build.mjs).
 */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './packages.mjs';
import { roomsWithout } from './rooms.mjs';

const SOURCES = [
  ...roomsWithout(['test', 'bench']),
  'package-lock.json',
  'tsconfig.base.json',
  'vite.config.ts',
  'scripts/build.mjs',
  'scripts/runtime-snapshot.mjs',
];
/** The last files that each part of the build writes. */
const OUTPUTS = [
  'dist/insitu.js',
  'dist/insitu.global.js',
  'dist/insitu.worker.js',
  'dist/insitu.delivery.js',
  'dist/insitu.counts.js',
  'dist/insitu.local-dp.js',
  'dist/insitu.tokenizer.js',
  'dist/ort/ort-wasm-simd-threaded.wasm',
  'dist/ort/ort-wasm-simd-threaded.snapshot.wasm',
  'dist/types/sdk/index.d.ts',
  'dist/node/cli.js',
  'dist/node/collector.js',
  'dist/site/index.html',
  'dist/site/dashboard/index.html',
];

/** @param {string} path @returns {number} */
function youngestMs(path) {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status === undefined) return 0;
  if (!status.isDirectory()) return status.mtimeMs;
  return readdirSync(path).reduce((youngest, name) => Math.max(youngest, youngestMs(join(path, name))), 0);
}

export function isBuildFresh() {
  const sourceMs = Math.max(...SOURCES.map((name) => youngestMs(join(root, name))));
  return OUTPUTS.every((name) => (statSync(join(root, name), { throwIfNoEntry: false })?.mtimeMs ?? 0) >= sourceMs);
}
