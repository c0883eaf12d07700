/**
 * Models at random: any kind on any side, with names, axes and types that real files have and some that only a tester thinks of.
 *
 * Method: the declarations are those of the reference kinds, which show all that a manifest can say of each; names, axes and types are
 * drawn anew. What the product's own check of manifests refuses is drawn again.
 *
 * Not here: what is made of them (accepted-reports.ts).
 */
import fc from 'fast-check';
import { checkManifest, type Manifest } from '../../protocol/manifest/manifest.ts';
import { dataFromNumbers, elementCount, type NumericTensorType } from '../../protocol/tensors/tensor-data.ts';
import { type Feeds, TENSOR_TYPES, type TensorData, type TensorWire } from '../../protocol/tensors/tensors.ts';
import type { Run } from './binner.ts';
import { Dice } from './dice.ts';
import type { Feedback } from './feedback-cells.ts';
import { REFERENCE_KINDS } from './kind-table.ts';
import { PLAIN_INPUT, PLAIN_OUTPUT } from './manifests.ts';
import type { TensorSpec } from './tensor-spec.ts';
import { tensorFor } from './tensors.ts';

/** What objects inherit, parts of our own ids, and names of which one begins another. */
const NAMES = [
  ...['x', 'x.', 'x.y', 'x.y.state', 'state', 'input.x.state', 'run.repeat', 'uncounted', 'a b', '.', '..', '0', '-1', '"', ' '],
  ...['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'then', 'length', '字', '😀', '\u0000', 'é', 'e\u0301', 'x'.repeat(128)],
];
const NAME = fc.oneof({ arbitrary: fc.constantFrom(...NAMES), weight: 3 }, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }));

const AXIS = fc.oneof(fc.constantFrom('batch', 'N', 'seq', 'unk__0', 'batch_size', 'n'), fc.integer({ min: 0, max: 4 }));
const DIMS = fc.oneof(
  fc.array(AXIS, { maxLength: 4 }),
  fc.array(AXIS, { maxLength: 3 }).map((axes) => ['batch', ...axes]),
);

type Side = 'inputs' | 'outputs';
type Declared = Readonly<Record<string, unknown>> & { readonly name: string; readonly columns?: readonly { readonly name: string }[] };

const declared = (side: Side): readonly Declared[] =>
  [...REFERENCE_KINDS.values()]
    .flatMap(({ manifests }) => Object.values(manifests).flatMap((make) => make()))
    .flatMap((manifest): readonly { readonly name: string }[] => manifest[side])
    .filter(({ name }) => name !== PLAIN_INPUT.name && name !== PLAIN_OUTPUT.name) as readonly Declared[];

function tensorDeclared(side: Side): fc.Arbitrary<Declared> {
  return fc.constantFrom(...declared(side)).chain((base) =>
    fc
      .record({
        name: NAME,
        dims: fc.option(DIMS, { freq: 2 }),
        type: fc.option(fc.constantFrom(...TENSOR_TYPES), { freq: 2 }),
        columnNames: fc.uniqueArray(NAME, { minLength: base.columns?.length ?? 0, maxLength: base.columns?.length ?? 0 }),
      })
      .map(({ name, dims, type, columnNames }) => ({
        ...base,
        name,
        ...(dims !== null && { dims }),
        ...(type !== null && { type }),
        ...(base.columns && { columns: base.columns.map((column, at) => ({ ...column, name: columnNames[at] })) }),
      })),
  ) as fc.Arbitrary<Declared>;
}

const tensorsOf = (side: Side) =>
  fc.uniqueArray(tensorDeclared(side), { minLength: side === 'inputs' ? 0 : 1, maxLength: 3, selector: ({ name }) => name });

const MANIFEST: fc.Arbitrary<Manifest> = fc
  .record({ inputs: tensorsOf('inputs'), outputs: tensorsOf('outputs'), feedback: fc.boolean() })
  .map(({ inputs, outputs, feedback }) => {
    const json = { schema: 1, name: 'm', version: '1', licence: 'none', variants: [], inputs, outputs, golden: [], monitor: { feedback } };
    const verdict = checkManifest(json);
    return verdict.ok
      ? Object.assign(verdict.manifest, { [fc.toStringMethod]: () => JSON.stringify({ inputs, outputs, feedback }) })
      : null;
  })
  .filter((manifest) => manifest !== null);

/** Lengths about the limits of rows and elements, and far beyond. */
const HUGE = [1_023, 1_024, 1_025, 5_000, 65_537, 70_000];
const HUGE_ELEMENT_COUNT_MAX = 150_000;

/** The same declaration with an axis that is longer than is counted. */
function hugeFor(spec: TensorSpec): fc.Arbitrary<TensorWire | undefined> {
  const open = spec.dims.flatMap((axis, at) => (typeof axis === 'string' ? [at] : []));
  if (open.length === 0) return tensorFor(spec);
  return fc.record({ at: fc.constantFrom(...open), length: fc.constantFrom(...HUGE), seed: fc.nat() }).map(({ at, length, seed }) => {
    const dims = spec.dims.map((axis, index) => (index === at ? length : typeof axis === 'number' ? Math.max(1, axis) : 1));
    const count = elementCount(dims);
    if (count > HUGE_ELEMENT_COUNT_MAX) return undefined;
    const dice = new Dice(seed);
    const type = spec.type as TensorWire['type'];
    const numbers = Array.from({ length: count }, () => dice.below(type === 'bool' ? 2 : 7));
    return {
      type,
      dims,
      data: type === 'string' ? numbers.map(String) : (dataFromNumbers(type as NumericTensorType, numbers) as TensorData),
    };
  });
}

/** One tensor in a hundred is huge. */
const anyTensorFor = (spec: TensorSpec) => fc.oneof({ arbitrary: tensorFor(spec), weight: 99 }, hugeFor(spec));

function feedsFor(specs: readonly TensorSpec[]): fc.Arbitrary<Feeds> {
  return fc.tuple(...specs.map(anyTensorFor)).map((wires) =>
    // By entries: an object literal would take `__proto__` for what it inherits from.
    Object.fromEntries(specs.flatMap(({ name }, at) => (wires[at] === undefined ? [] : [[name, wires[at] as TensorWire]]))),
  );
}

function feedbackFor({ outputs }: Manifest): fc.Arbitrary<Feedback> {
  const labels = outputs.flatMap((output) => output.labels ?? []);
  const kinds = fc.constantFrom<Feedback>('accepted', 'redone', 'abandoned');
  return labels.length === 0
    ? kinds
    : fc.oneof(
        kinds,
        fc.constantFrom(...labels).map((corrected) => ({ corrected })),
      );
}

export interface AnyModel {
  readonly manifest: Manifest;
  /** They follow one another. */
  readonly runs: readonly Run[];
  /** Which of them are made once more. */
  readonly repeats: readonly number[];
  /** How often a person judges the first answer on top. */
  readonly extraFeedback: number;
  readonly seed: number;
}

export const ANY_MODEL: fc.Arbitrary<AnyModel> = MANIFEST.chain((manifest) => {
  const run = fc.record({ feeds: feedsFor(manifest.inputs), outputs: feedsFor(manifest.outputs), feedback: feedbackFor(manifest) });
  return fc.record({
    manifest: fc.constant(manifest),
    runs: fc.integer({ min: 1, max: 10 }).chain((count) => fc.array(run, { minLength: count, maxLength: count })),
    repeats: fc.array(fc.nat(9), { maxLength: 6 }),
    extraFeedback: fc.oneof({ arbitrary: fc.constant(0), weight: 20 }, fc.constantFrom(63, 512, 700)),
    seed: fc.nat(),
  });
});
