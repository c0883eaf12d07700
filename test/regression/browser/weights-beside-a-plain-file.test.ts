/**
 * Bug: a plain .onnx file whose weights lie in other files, as exporters write it, ended in the runtime's own words; outputs that are no tensors
 * were gone without a word.
 */
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { bytesField, integerField, joined, textField } from '../../../onnx/wire-format.ts';
import { openBarePage, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';

const FILES = new URL('../../fixtures/strangers/', import.meta.url);
const GRAPH = readFileSync(new URL('external.onnx', FILES));
const WEIGHTS = readFileSync(new URL('weights.bin', FILES));

interface Answer {
  readonly y: readonly number[];
  readonly fromCache: boolean;
  readonly text: string;
  readonly logs: readonly (readonly string[])[];
}

const RUN = `async (source, name, count) => {
  const logs = [];
  const client = insitu.createClient({ logger: (...line) => logs.push(line.map(String)) });
  const model = await client.load(typeof source === 'string' ? source : { bytes: Uint8Array.from(source), name: 'own.onnx' });
  const { outputs } = await model.run({ [name]: { data: new Float32Array(count).fill(1), dims: [1, count] } });
  const { fromCache, text } = model.explain();
  const answer = { y: Array.from(Object.values(outputs)[0].data), fromCache, text, logs };
  await client.close();
  return answer;
}`;

const failureOf = (run: Promise<unknown>): Promise<string> =>
  run.then(
    () => 'no failure',
    (error: Error) => error.message,
  );

browserTest('weights beside a plain file are fetched, kept, and there without a network', ['chromium', 'firefox'], async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set('/m/external.onnx', { body: GRAPH });
    server.faults.set('/m/weights.bin', { body: WEIGHTS });
    const first = await page.evaluate<Answer>(RUN, '/m/external.onnx', 'x', 4);
    expect(first.fromCache).toBe(false);
    for (const path of ['/m/external.onnx', '/m/weights.bin']) server.faults.set(path, { status: 503 });
    const second = await page.evaluate<Answer>(RUN, '/m/external.onnx', 'x', 4);
    expect([second.fromCache, second.y]).toEqual([true, first.y]);
  });
});

browserTest('weights that are missing, elsewhere, or of a file by itself are said with what to do', ['chromium'], async ({ page }) => {
  await withServer(page, async (server) => {
    server.faults.set('/m/external.onnx', { body: GRAPH });
    server.faults.set('/m/weights.bin', { status: 404 });
    const missing = await failureOf(page.evaluate(RUN, '/m/external.onnx', 'x', 4));
    expect(missing).toContain('it keeps weights in other files ("weights.bin"), and "weights.bin" is not beside it');
    expect(missing).toContain('or pack it into a folder that names them: insitu pack');
    const dropped = await failureOf(page.evaluate(RUN, [...GRAPH], 'x', 4));
    expect(dropped).toContain('a file that is handed over by itself has none beside it');
    for (const location of ['../weights.bin', '/weights.bin', 'https://other.example/w', 'a\\b']) {
      const weights = [{ name: 'w', dims: [1, 4], data: null, external: { location, offset: 0, length: 16 } }];
      const graph = onnxModel(
        [{ name: 'x', dims: [1, 4] }],
        [{ operator: 'Add', inputs: ['x', 'w'], output: 'y' }],
        [{ name: 'y', dims: [1, 4] }],
        { weights },
      );
      server.faults.set('/m/elsewhere.onnx', { body: graph });
      const before = server.requests.length;
      const failure = await failureOf(page.evaluate(RUN, '/m/elsewhere.onnx', 'x', 4));
      expect(failure).toContain('is not a file in its own folder');
      expect(server.requests.slice(before).filter((path) => path.includes('weights'))).toEqual([]);
    }
  });
});

browserTest('an output that is no tensor is left out, and log and explain() say so', ['chromium'], async ({ page }) => {
  const floats = bytesField(1, [
    ...integerField(1, 1),
    ...bytesField(2, [...bytesField(1, integerField(1, 1)), ...bytesField(1, integerField(1, 4))]),
  ]);
  const value = (name: string, type: typeof floats) => [...textField(1, name), ...bytesField(2, type)];
  const node = (input: string, output: string, operator: string) =>
    bytesField(1, [...textField(1, input), ...textField(2, output), ...textField(4, operator)]);
  const graph = bytesField(7, [
    ...node('x', 'y', 'Relu'),
    ...node('x', 'parts', 'SequenceConstruct'),
    ...textField(2, 'graph'),
    ...bytesField(11, value('x', floats)),
    ...bytesField(12, value('y', floats)),
    ...bytesField(12, value('parts', bytesField(4, bytesField(1, floats)))),
  ]);
  const bytes = joined([...integerField(1, 8), ...graph, ...bytesField(8, integerField(2, 13))]);
  await withServer(page, async (server) => {
    await openBarePage(page, server);
    const answer = await page.evaluate<Answer>(RUN, [...bytes], 'x', 4);
    const sentence = 'Left out: output "parts", a sequence, which cannot be handed to a page.';
    expect(answer.y).toEqual([1, 1, 1, 1]);
    expect(answer.text).toContain(sentence);
    expect(answer.logs).toContainEqual(['warn', 'output-left-out', sentence]);
  });
});
