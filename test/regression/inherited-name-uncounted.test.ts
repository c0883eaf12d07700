/**
 * A tensor that is called as something that every object inherits ("constructor", "__proto__") was looked for in the object's own
 * tensors and found in what it inherits, where it was absent: the run could not be counted.
 */
import { expect, test } from 'vitest';
import { countedBy, manifestOf, tensor } from '../fixtures/counts-manifest.ts';

const NAMES = ['constructor', 'toString', 'hasOwnProperty', '__proto__', 'valueOf'];

test.each(NAMES)('a tensor called %s is missing where it is absent, and counted where it is there', (name) => {
  const manifest = manifestOf(
    [{ name, type: 'float32', dims: [2], kind: 'numeric' }],
    [{ name, type: 'float32', dims: [2], kind: 'opaque' }],
  );
  const there = Object.fromEntries([[name, tensor([2], [1, 2])]]);
  expect(countedBy(manifest, {})).toMatchObject({ [`input.${name}.state/missing`]: 1, [`output.${name}.state/null-empty`]: 1 });
  expect(countedBy(manifest, there, there)).toMatchObject({ [`input.${name}.state/present`]: 1, [`output.${name}.state/ok`]: 1 });
});
