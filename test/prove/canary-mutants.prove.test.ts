/** Every leak that is written into our own sources is seen by the check that is named for it; see test/mutants. */
import { expect, test } from 'vitest';
import { LeakTrial, NO_LEAKS } from '../mutants/caught-leaks.ts';
import { LEAKS } from '../mutants/leaks.ts';

test(`all ${LEAKS.length} seeded leaks are caught`, async () => {
  const trial = await LeakTrial.open();
  const missed: string[] = [];
  try {
    for (const none of NO_LEAKS) expect(await trial.evidence(none), none.name).toBeNull();
    for (const leak of LEAKS) {
      const evidence = await trial.evidence(leak);
      process.stdout.write(`${leak.check.padEnd(12)}${leak.name}: ${evidence ?? 'MISSED'}\n`);
      if (evidence === null) missed.push(leak.name);
    }
  } finally {
    await trial.close();
  }
  expect(missed).toEqual([]);
});
