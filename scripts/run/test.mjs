/**
 * Test: everything, in the order in which a failure is cheapest to find.
 *
 *     npm test [-- --browsers=chromium,firefox,webkit] [--only=format,types,build,unit,browser,e2e]
 *
 * Invariants
 *  - The last line on standard output is `N passed, N failed`, whatever happened before it.
 *  - Exit code 0 only when something passed and nothing failed. A missing browser is a failure.
 *
 * Not here: the steps (steps.mjs), installing (packages.mjs, browsers.mjs).
 */
import { ENGINES, ensureBrowsers } from './browsers.mjs';
import { isBuildFresh } from './freshness.mjs';
import { ensurePackages } from './packages.mjs';
import { ensurePrometheus } from './prometheus.mjs';
import { add, announce, build, formatAndLint, types, vitest } from './steps.mjs';

const STEPS = ['format', 'types', 'build', 'unit', 'browser', 'e2e'];
const MINUTE_MS = 60_000;
const UNIT_LIMIT_MS = 10 * MINUTE_MS;
const BROWSER_LIMIT_MS = 45 * MINUTE_MS;
const total = { passed: 0, failed: 0, skipped: 0 };
const notes = [];

/** @param {string} name @param {string[]} known @returns {string[]} */
function listOption(name, known) {
  const option = process.argv.slice(2).find((arg) => arg.startsWith(`--${name}=`));
  if (option === undefined) return known;
  const chosen = option
    .slice(name.length + 3)
    .split(',')
    .filter(Boolean);
  const unknown = chosen.filter((value) => !known.includes(value));
  if (unknown.length > 0) throw new Error(`--${name} does not know ${unknown.join(', ')}; it takes ${known.join(', ')}.`);
  return known.filter((value) => chosen.includes(value));
}

async function run() {
  const unknown = process.argv.slice(2).filter((arg) => !/^--(browsers|only)=/.test(arg));
  if (unknown.length > 0) throw new Error(`npm test does not know ${unknown.join(' ')}; it takes --browsers=… and --only=….`);
  const only = listOption('only', STEPS);
  let engines = listOption('browsers', ENGINES);
  if (!ensurePackages()) throw new Error('The packages are missing.');
  const needsBrowsers = only.includes('browser') || only.includes('e2e');
  if (needsBrowsers) {
    for (const { engine, sentence } of await ensureBrowsers(engines)) {
      total.failed++;
      notes.push(sentence);
      engines = engines.filter((other) => other !== engine);
    }
  }
  if (only.includes('e2e')) ensurePrometheus();
  if (only.includes('format')) add(total, await formatAndLint());
  if (only.includes('types')) add(total, await types());
  if (only.includes('build') || (needsBrowsers && !isBuildFresh())) add(total, await build());
  if (only.includes('unit')) add(total, await vitest('unit', { limitMs: UNIT_LIMIT_MS }));
  const options = { env: { INSITU_BROWSERS: engines.join(',') }, limitMs: BROWSER_LIMIT_MS };
  if (only.includes('browser') && engines.length > 0) add(total, await vitest('browser', options));
  if (only.includes('e2e') && engines.length > 0) add(total, await vitest('e2e', options));
}

const startMs = performance.now();
try {
  await run();
} catch (error) {
  total.failed++;
  notes.push(error instanceof Error ? error.message : String(error));
}
announce(
  `${Math.round((performance.now() - startMs) / 1000)} s${total.skipped > 0 ? `; ${total.skipped} not run (browsers left out)` : ''}`,
);
for (const note of notes) process.stdout.write(`${note}\n`);
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
