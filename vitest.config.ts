/**
 * Test projects: `unit` runs in Node alone, `browser` and `e2e` start real browsers and real servers.
 *
 * Why three: `npm run check` needs the fast ones alone, and the packed package is looked at last.
 *
 * Invariants
 *  - No retries. A test that fails once has failed.
 *  - Two files at a time, in two processes: no test may lean on how fast something is.
 *  - The files of a process share its browsers, and so its modules (`isolate`): starting them anew for each file took a
 *    fifth of the time. A file leaves nothing behind that another one could meet.
 *
 * Not here: proofs at full size (scripts/prove.mjs passes its own folder), the order of the projects (scripts/test.mjs).
 */
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';
import { definitions as define } from './scripts/definitions.mjs';

/** Short files that take long. Where nobody knows yet how long a file takes, the largest come first and these last, alone. */
const LONG = /\/(exactly-once|hostile-visitor|conformance|canary-mutants|strangers-names-break-the-dashboard)\.test\.ts$/;

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => (LONG.test(moduleId) ? 0 : 1);
    return (await super.sort(files)).sort((one, other) => rank(one) - rank(other));
  }
}

const browserTimeouts = { testTimeout: 180_000, hookTimeout: 120_000, teardownTimeout: 30_000 };

export default defineConfig({
  define: { ...define },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    sequence: { sequencer: LongFirst },
    projects: [
      {
        define: { ...define },
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts', 'test/regression/**/*.test.ts'],
          exclude: ['test/regression/browser/**'],
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        define: { ...define },
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts', 'test/fault/**/*.test.ts', 'test/regression/browser/**/*.test.ts'],
          isolate: false,
          ...browserTimeouts,
        },
      },
      {
        define: { ...define },
        test: { name: 'e2e', include: ['test/e2e/**/*.test.ts'], isolate: false, ...browserTimeouts },
      },
      {
        define: { ...define },
        test: {
          name: 'prove',
          include: ['test/prove/**/*.prove.test.ts'],
          fileParallelism: false,
          testTimeout: 3_600_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
