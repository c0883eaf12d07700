/**
 * A model that keeps weights in other files could not be opened from a person's disk: those files could not be handed over with it.
 */
import { expect } from 'vitest';
import { withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';

const weight = (name: string, location: string) => ({ name, dims: [1], data: null, external: { location, offset: 0, length: 4 } });
const graphOf = (first: string, second: string) => [
  ...onnxModel(
    [{ name: 'x', dims: [1] }],
    [
      { operator: 'Mul', inputs: ['x', 'a'], output: 'z' },
      { operator: 'Add', inputs: ['z', 'b'], output: 'y' },
    ],
    [{ name: 'y', dims: [1] }],
    { weights: [weight('a', first), weight('b', second)] },
  ),
];

/** `beside` is source text; `five` and `seven` are bytes of these numbers. */
const RUN = (graph: readonly number[], beside: string) => `() => outcome(async () => {
  window.client ??= insitu.createClient();
  const [five, seven] = [5, 7].map((number) => new Uint8Array(Float32Array.of(number).buffer));
  const unread = { name: 'readme.txt', bytes: Object.assign(new Blob(), { arrayBuffer() { throw new Error('read for nothing'); } }) };
  const model = await client.load({ name: 'own.onnx', bytes: Uint8Array.from(${JSON.stringify(graph)}), beside: ${beside} });
  const { outputs } = await model.run({ x: { data: [3], dims: [1] } });
  return outputs.y.data[0];
})`;

browserTest('the files of weights that come with a graph are taken by their names, and no other', async ({ page }) => {
  await withServer(page, async () => {
    const answer = (graph: readonly number[], beside: string) => page.evaluate(RUN(graph, beside));
    const apart = graphOf('own.onnx.data', 'more/b.bin');
    for (const beside of [
      `[unread, { name: 'b.bin', bytes: new Blob([seven]) }, { name: 'own.onnx.data', bytes: five }]`,
      `[{ name: 'more/b.bin', bytes: seven.buffer }, { name: 'own.onnx.data', bytes: new File([five], 'x') }]`,
    ])
      expect(await answer(apart, beside)).toEqual({ ok: true, value: 22 });
    const alike = graphOf('one/w.bin', 'other/w.bin');
    const paths = `[{ name: 'one/w.bin', bytes: five }, { name: 'other/w.bin', bytes: seven }]`;
    expect(await answer(alike, paths)).toEqual({ ok: true, value: 22 });
    const refused = (text: string) => ({ ok: false, code: 'model-not-onnx', message: expect.stringContaining(text) });
    expect(await answer(alike, `[{ name: 'w.bin', bytes: five }]`)).toMatchObject(refused('"one/w.bin" did not come with it'));
    expect(await answer(apart, `[{ name: 'b.bin', bytes: seven }]`)).toMatchObject(refused('"own.onnx.data" did not come with it'));
    expect(await answer(apart, `[]`)).toMatchObject(refused('hand them over with it'));
    for (const odd of [`{}`, `[null]`, `['b.bin']`, `[{ name: 'b.bin' }]`])
      expect(await answer(apart, odd)).toMatchObject({ code: 'invalid-option' });
  });
});
