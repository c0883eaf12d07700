/** Seeded leaks keep up with the sources: a mutant whose text is gone would otherwise be caught for ever. */
import { expect, test } from 'vitest';
import { LEAKS } from '../../mutants/leaks.ts';
import { matchCount } from '../../mutants/library.ts';

const LEAK_COUNT_MIN = 30;

test('the text that each seeded leak replaces stands in its file exactly once', () => {
  const stale = LEAKS.flatMap(({ name, edits }) =>
    edits.filter((edit) => matchCount(edit) !== 1).map(({ file, find }) => `${name}: ${file}: ${find}`),
  );
  expect(stale).toEqual([]);
});

test('leaks have names of their own, are at least thirty, and some are seeded every day', () => {
  expect(new Set(LEAKS.map(({ name }) => name)).size).toBe(LEAKS.length);
  expect(LEAKS.length).toBeGreaterThanOrEqual(LEAK_COUNT_MIN);
  expect(LEAKS.filter(({ isDaily }) => isDaily).length).toBeGreaterThanOrEqual(8);
});
