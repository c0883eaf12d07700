/** Names and texts of our own on a page whose libraries have written on the prototypes of the language. */
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { planHash } from '../../../counts/layout/plan.ts';
import { type LocalDpPlan, localDpPlanHash, localDpPlanOf } from '../../../counts/noise/local-dp-plan.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { plainJson } from '../../../protocol/foreign-prototypes.ts';
import { checkManifest } from '../../../protocol/manifest/manifest.ts';
import { manifestOf } from '../../fixtures/counts-manifest.ts';

const removals: (() => void)[] = [];

function spoil(prototype: object, name: string, value: unknown): void {
  Object.defineProperty(prototype, name, { value, enumerable: true, configurable: true, writable: true });
  removals.push(() => void Reflect.deleteProperty(prototype, name));
}

/** What Prototype 1.6 and older frameworks do, and names that a manifest itself has. */
function spoilAll(names: readonly string[]): void {
  for (const name of names) spoil(Object.prototype, name, () => 'a stranger');
  spoil(Object.prototype, 'toJSON', () => 'a stranger');
  spoil(Array.prototype, 'toJSON', () => 'a stranger');
}

function restore(): void {
  for (const remove of removals.splice(0)) remove();
}

afterEach(restore);

test('the text of nested lists is what JSON.stringify gives where nobody has changed it', () => {
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      fc.string(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
      fc.array(tie('tree')),
    ),
  }));
  fc.assert(fc.property(tree, (value) => plainJson(value) === JSON.stringify(value)));
});

test('whatever names every object has, a manifest is accepted, a wrong one is refused, and its plans keep their hashes', async () => {
  const names = fc.uniqueArray(fc.constantFrom('each', 'extend', 'kind', 'variants', 'monitor', 'default', 'fallback', 'segments', 'x'));
  const manifest = () =>
    manifestOf([{ name: 'x', type: 'float32', dims: [1], kind: 'numeric' }], [{ name: 'y', type: 'float32', dims: [1], kind: 'numeric' }]);
  const hashes = async () => {
    const plan = dataPlanOf(manifest());
    return [await planHash(plan), await localDpPlanHash(localDpPlanOf(plan) as LocalDpPlan)];
  };
  const before = await hashes();
  await fc.assert(
    fc.asyncProperty(names, async (foreign) => {
      const text = JSON.stringify(manifest());
      spoilAll(foreign);
      const accepted = checkManifest(JSON.parse(text));
      const refused = checkManifest({ ...JSON.parse(text), extra: 1 });
      const after = await hashes();
      restore();
      expect([accepted.ok, refused.ok, after]).toEqual([true, false, before]);
    }),
  );
});
