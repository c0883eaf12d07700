/**
 * Steps: format and lint, types, build and the vitest projects, each with a number of passed and failed.
 *
 * Invariants
 *  - A step that ends in any way but a clean one has at least one failure: a crash, a missing report, a time limit.
 *  - What a step prints is shown as it comes.
 *  - What is compiled stands in tsconfig.json alone. Its projects write nothing but what the compiler noted for the next
 *    time, below .build/types (`outDir` in tsconfig.base.json); a project whose files did not change is not read again.
 *
 * Not here: which steps run, and the last line (test.mjs, check.mjs).
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './packages.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Outcome */

const bin = (path) => join(root, 'node_modules', path);
const MINUTE_MS = 60_000;
const KILL_GRACE_MS = 5_000;

/** @param {string[]} args @param {{ env?: Record<string, string>, limitMs?: number }} options @returns {Promise<number>} exit code; 1 when ended by a signal or the limit */
export function node(args, { env = {}, limitMs = 10 * MINUTE_MS } = {}) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } });
  const timer = setTimeout(() => {
    process.stdout.write(`Stopped after ${limitMs / MINUTE_MS} minutes, its limit.\n`);
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), KILL_GRACE_MS).unref();
  }, limitMs);
  return new Promise((resolve) => {
    const end = (code) => {
      clearTimeout(timer);
      resolve(code ?? 1);
    };
    child.once('exit', end).once('error', () => end(1));
  });
}

const outcomeOf = (code) => ({ passed: code === 0 ? 1 : 0, failed: code === 0 ? 0 : 1, skipped: 0 });

/** @param {string} title */
export function announce(title) {
  process.stdout.write(`\n— ${title}\n`);
}

export async function formatAndLint() {
  announce('format and lint');
  return outcomeOf(await node([bin('@biomejs/biome/bin/biome'), 'ci', '--colors=off', '.']));
}

/** Of every project that tsconfig.json at the top names. */
export async function types() {
  announce('types');
  return outcomeOf(await node([bin('typescript/bin/tsc'), '-b', '--incremental']));
}

export async function build() {
  announce('build');
  return outcomeOf(await node([join(root, 'scripts/build.mjs')]));
}

/**
 * @param {string} project
 * @param {{ env?: Record<string, string>, limitMs?: number, args?: string[], related?: string[] }} options `related`: scripts;
 *   only they, and tests that import one of them, are run
 * @returns {Promise<Outcome>}
 */
export async function vitest(project, { args = [], related, ...options } = {}) {
  announce(`${project} tests`);
  const report = join(root, `test-results/${project}.json`);
  rmSync(report, { force: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const command = related === undefined ? ['run'] : ['related', '--run', ...related];
  const code = await node([bin('vitest/vitest.mjs'), ...command, '--project', project, ...reporters, ...args], options);
  const outcome = { passed: 0, failed: 0, skipped: 0 };
  if (existsSync(report)) {
    for (const file of JSON.parse(readFileSync(report, 'utf8')).testResults) {
      for (const { status } of file.assertionResults) {
        if (status === 'passed') outcome.passed++;
        else if (status === 'failed') outcome.failed++;
        else outcome.skipped++;
      }
      // A file that failed without a failed test did not load, or failed in a hook.
      if (file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed')) outcome.failed++;
    }
  }
  if (code !== 0 && outcome.failed === 0) {
    process.stdout.write(`vitest ended with ${code} without naming a failed test; that counts as one failure.\n`);
    outcome.failed++;
  }
  return outcome;
}

/** @param {Outcome} total @param {Outcome} outcome */
export function add(total, outcome) {
  total.passed += outcome.passed;
  total.failed += outcome.failed;
  total.skipped += outcome.skipped;
}
