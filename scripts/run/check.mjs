/**
 * Check: what every commit must pass, in well under a minute: format, lint, types, unit tests and tidy.
 *
 * Not here: browsers and servers (test.mjs).
 */
import { ensurePackages } from './packages.mjs';
import { add, formatAndLint, types, vitest } from './steps.mjs';

const UNIT_LIMIT_MS = 300_000;
const total = { passed: 0, failed: 0, skipped: 0 };
if (ensurePackages()) {
  add(total, await formatAndLint());
  add(total, await types());
  add(total, await vitest('unit', { limitMs: UNIT_LIMIT_MS }));
} else {
  total.failed++;
}
process.exitCode = total.failed > 0 || total.passed === 0 ? 1 : 0;
process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
