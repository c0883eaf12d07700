/**
 * Signatures: what a compiler says of typed feeds and outputs.
 *
 * Method: the block below is compiled as a user would write it; a line marked as wrong that compiles fails the test by itself.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const USER = `
import { createClient, type Model, type ModelSignature, type ResidentTensor, type TensorInput, type TensorOutput } from 'insitu';

interface Tokens extends ModelSignature {
  readonly feeds: { readonly ids: TensorInput<'int64'>; readonly mask: TensorInput<'bool'> };
  readonly outputs: { readonly scores: TensorOutput<'float32'>; readonly words: TensorOutput<'string'> };
}
const client = createClient();
const ids = { data: BigInt64Array.of(1n), dims: [1] };
const mask = { data: [1], dims: [1] };

const known: Model<Tokens> = await client.load<Tokens>('m.json');
const { outputs } = await known.run({ ids, mask });
const scores: Float32Array = outputs.scores.data;
const words: readonly string[] = outputs.words.data;
// @ts-expect-error a name that the model does not give
outputs.boxes;
// @ts-expect-error an input is missing
known.run({ ids });
// @ts-expect-error another element type
known.run({ ids: { data: Float32Array.of(1), dims: [1] }, mask });
// @ts-expect-error an input that the model does not have
known.run({ ids, mask, image: mask });
for await (const item of known.runMany([{ ids, mask }])) if (item.ok) item.result.outputs.scores.data satisfies Float32Array;
for await (const frame of known.stream(() => ({ ids, mask }), { onDrop: (feeds) => void feeds.ids })) frame.droppedCount satisfies number;
// @ts-expect-error feeds of another model
known.runMany([{ image: mask }]);

const head = await client.load<Tokens, 'scores'>('m.json', { resident: ['scores'] });
const resident: ResidentTensor<'float32'> = (await head.run({ ids, mask })).outputs.scores;
const read: Float32Array = (await resident.read()).data;
// @ts-expect-error it stayed in the worker
(await head.run({ ids, mask })).outputs.scores.data;
// @ts-expect-error float32 is no int64
known.run({ ids: resident, mask });

const unknown = await client.load('m.json');
const any = (await unknown.run({ image: { data: Float32Array.of(1), dims: [1] } })).outputs['scores']?.data;
void [scores, words, read, any];
`;

test('feeds and outputs of a signature are checked by the compiler, and a model without one takes any', () => {
  const root = new URL('../../../', import.meta.url);
  const folder = new URL('.build/signature/', root);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL('user.ts', folder), USER);
  const config = {
    extends: '../../sdk/tsconfig.json',
    compilerOptions: { paths: { insitu: ['../../sdk/index.ts'] } },
    include: ['./*.ts', '../../sdk/release.d.ts'],
  };
  writeFileSync(new URL('tsconfig.json', folder), JSON.stringify(config));
  const compiler = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));
  let told = '';
  try {
    execFileSync(process.execPath, [compiler, '-p', fileURLToPath(folder)], { stdio: 'pipe' });
  } catch (error) {
    told = String((error as { stdout: Buffer }).stdout);
  }
  expect(told).toBe('');
});
