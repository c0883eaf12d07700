/**
 * What the log says of refused reports, whatever is sent: bounded, without a word of the sender's, and an honest version is named.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type RefusalReason, Refusals } from '../../../collector/intake/refusals.ts';
import { REFUSAL_TOLD_INTERVAL_MS, REFUSED_TOLD_COUNT_MAX, REFUSED_VERSION_COUNT_MAX } from '../../../protocol/limits.ts';

function opened() {
  const clock = { nowMs: 0 };
  const sentences: string[] = [];
  const refusals = new Refusals({ log: (sentence) => sentences.push(sentence), elapsedMs: () => clock.nowMs });
  return { clock, sentences, refusals };
}

const versionOf = (index: number): string => index.toString(16).padStart(16, '0');

test('a version is told once, however often it is refused, and anew once it was registered and removed', () => {
  const { clock, sentences, refusals } = opened();
  for (let count = 0; count < 1_000; count++) {
    clock.nowMs += REFUSAL_TOLD_INTERVAL_MS / 10;
    refusals.unregistered({ modelVersion: versionOf(1), plan: null });
  }
  expect(sentences).toHaveLength(1);
  refusals.registered(versionOf(1));
  refusals.unregistered({ modelVersion: versionOf(1), plan: null });
  expect(sentences).toHaveLength(2);
  expect(refusals.counts.get('unregistered-model')).toBe(1_001);
});

test('a version that comes again is told beside any number that are made up', () => {
  const { clock, sentences, refusals } = opened();
  let made = 10;
  for (let hour = 0; hour < 3; hour++) {
    for (let count = 0; count < 6; count++) {
      for (let other = 0; other < REFUSED_VERSION_COUNT_MAX / 4; other++)
        refusals.unregistered({ modelVersion: versionOf(made++), plan: null });
      refusals.unregistered({ modelVersion: versionOf(1), plan: null });
    }
    clock.nowMs += REFUSAL_TOLD_INTERVAL_MS;
  }
  expect(sentences.some((sentence) => sentence.includes(versionOf(1)))).toBe(true);
  expect(sentences.length).toBeLessThanOrEqual(3 * REFUSED_TOLD_COUNT_MAX);
});

test('whatever comes, an hour has a bounded number of sentences, each without a letter of the sender beyond hex digits', () => {
  const { refusals: empty } = opened();
  const reasons = [...empty.counts.keys()];
  const hash = fc.integer({ min: 0, max: 2 ** 40 }).map(versionOf);
  const act = fc.oneof(
    fc.record({ reason: fc.constantFrom<RefusalReason>(...reasons) }),
    fc.record({ modelVersion: hash, plan: fc.option(hash, { nil: null }) }),
  );
  fc.assert(
    fc.property(fc.array(fc.record({ act, waitMs: fc.integer({ min: 0, max: 1_000 }) }), { maxLength: 500 }), (acts) => {
      const { clock, sentences, refusals } = opened();
      for (const { act, waitMs } of acts) {
        clock.nowMs += waitMs;
        if ('reason' in act) refusals.refused(act.reason);
        else refusals.unregistered(act);
      }
      const hours = Math.floor(clock.nowMs / REFUSAL_TOLD_INTERVAL_MS) + 1;
      expect(sentences.length).toBeLessThanOrEqual(hours * (reasons.length + REFUSED_TOLD_COUNT_MAX));
      for (const sentence of sentences) expect(sentence).toMatch(/^(A|\d+) reports?[ -~]{20,300}\.$/);
      expect([...refusals.counts.values()].reduce((sum, count) => sum + count, 0)).toBe(acts.length);
    }),
    { numRuns: 100, seed: 20 },
  );
});
