/** All of ONNX's node tests through the library, on both providers; prints how many there are and how many pass. */
import { expect, test } from 'vitest';
import { nodeTestVerdicts, summaryOf } from '../conformance/node-tests.ts';

for (const provider of ['wasm', 'webgpu'] as const) {
  test(`every ONNX node test that the runtime alone passes on ${provider} gives the same bits through the library`, async () => {
    const verdicts = await nodeTestVerdicts(provider, 1);
    process.stdout.write(`${summaryOf(provider, verdicts)}\n`);
    expect(verdicts.filter(({ raw, ours }) => raw === true && ours !== true)).toEqual([]);
    expect(verdicts.filter(({ raw }) => raw === true).length).toBeGreaterThan(verdicts.length / 2);
  });
}
