/**
 * Check: what every commit must pass, in under a minute: format, lint, types, and the unit tests that the change touches.
 *
 *     npm run check [-- --all] [--base=REVISION]
 *
 * The change is what differs from where this branch left main, committed or not; with `--base`, from where it left
 * REVISION. `--all` runs every unit test; a folder without Git does so by itself.
 *
 * Not here: which tests a change touches (affected.mjs), browsers and servers (test.mjs).
 */
import { parseArgs } from 'node:util';
import { baseCommit, changedFiles, changedScripts, scriptTexts } from './affected.mjs';
import { ensurePackages } from './packages.mjs';
import { add, announce, formatAndLint, types, vitest } from './steps.mjs';

const UNIT_LIMIT_MS = 300_000;
const ABBREVIATED_LENGTH = 9;

/** @returns {{ related?: string[] }} what Vitest runs; nothing: all */
function choose({ all, base }) {
  const commit = all ? null : baseCommit(base);
  if (commit === null) {
    if (base !== undefined) throw new Error(`Git knows no common commit of ${base} and HEAD. Name another --base, or use --all.`);
    return {};
  }
  const changed = changedFiles(commit);
  const related = changedScripts(changed, scriptTexts());
  const rest = related === null ? '; all unit tests run' : '';
  announce(`files changed since ${commit.slice(0, ABBREVIATED_LENGTH)}: ${changed.length}${rest}`);
  return related === null ? {} : { related };
}

async function run(total) {
  const options = { all: { type: 'boolean', default: false }, base: { type: 'string' } };
  const { values } = parseArgs({ options });
  if (values.all && values.base !== undefined) throw new Error('--all looks at no base: leave out one of --all and --base.');
  if (!ensurePackages()) throw new Error('The packages are missing.');
  const chosen = choose(values);
  add(total, await formatAndLint());
  add(total, await types());
  add(total, await vitest('unit', { ...chosen, limitMs: UNIT_LIMIT_MS }));
}

const total = { passed: 0, failed: 0, skipped: 0 };
const startMs = performance.now();
try {
  await run(total);
} catch (error) {
  total.failed++;
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
}
announce(`${Math.round((performance.now() - startMs) / 1000)} s; browsers and servers: npm test`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
