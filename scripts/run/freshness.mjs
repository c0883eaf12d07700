/**
 * Freshness: is dist/ there, and younger than everything that it is built from?
 *
 * Invariants
 *  - Looks at times only; a wrong "stale" costs a build of seconds, a wrong "fresh" cannot come from an edit.
 *
 * Not here: building (scripts/build.mjs).
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
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
const { entries, ...shipped } = JSON.parse(readFileSync(join(root, 'protocol/shipped-files.json'), 'utf8'));
/** What a page fetches, and the last files that the other parts of the build write. */
const OUTPUTS = [
  ...[...Object.values(entries), ...Object.values(shipped)],
  ...[
    'types/sdk/index.d.ts',
    'types/collector/index.d.ts',
    'client/collector-client.js',
    'node/cli.js',
    'node/collector.js',
    'site/index.html',
    'site/dashboard/index.html',
  ],
].map((name) => `dist/${name}`);

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
