/**
 * A manifest may name a tensor "__proto__", which no object can hold: the output was gone without a word.
 */
import { expect } from 'vitest';
import { withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';
import { answerTo, manifestOf } from '../../harness/small-models.ts';

browserTest('a manifest that names a tensor "__proto__" is refused, as a plain file is', async ({ page }) => {
  await withServer(page, async (server) => {
    const model = (input: string, output: string) =>
      onnxModel([{ name: input, dims: [1] }], [{ operator: 'Neg', inputs: [input], output }], [{ name: output, dims: [1] }]);
    for (const [input, output] of [
      ['x', '__proto__'],
      ['__proto__', 'y'],
    ] as const) {
      const bytes = model(input, output);
      server.files.set('/a.onnx', bytes);
      server.files.set('/a.json', manifestOf('a', 'a.onnx', bytes).replace('"x"', `"${input}"`).replace('"y"', `"${output}"`));
      for (const source of ['/a.json', '/a.onnx']) {
        const refused = await page.evaluate(answerTo(`'${source}'`));
        expect(refused).toMatchObject({ ok: false, message: expect.stringContaining('which is no name in JavaScript') });
      }
    }
  });
});
