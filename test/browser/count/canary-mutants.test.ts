/**
 * Leaks that were written into our own sources are seen. All of them: npm run prove canary-mutants.
 */
import { expect, test } from 'vitest';
import { enginesUnderTest } from '../../harness/browsers.ts';
import { LeakTrial, NO_LEAKS } from '../../mutants/caught-leaks.ts';
import { LEAKS } from '../../mutants/leaks.ts';

const DAILY = LEAKS.filter(({ isDaily }) => isDaily);

test.skipIf(!enginesUnderTest().includes('chromium'))(
  `${DAILY.length} of ${LEAKS.length} seeded leaks are caught, and nothing is without a leak`,
  async () => {
    const trial = await LeakTrial.open();
    try {
      for (const none of NO_LEAKS) expect(await trial.evidence(none), none.name).toBeNull();
      for (const leak of DAILY) {
        const evidence = await trial.evidence(leak);
        process.stdout.write(`seeded leak: ${leak.name}: ${leak.check}: ${evidence}\n`);
        expect(evidence, leak.name).not.toBeNull();
      }
    } finally {
      await trial.close();
    }
  },
);
