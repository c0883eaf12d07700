/** ONNX's node tests through the library: every eighth case here, on the GPU every sixteenth; all of them in test/prove/conformance.prove.test.ts. */
import { expect, test } from 'vitest';
import { nodeTestVerdicts, summaryOf } from '../../conformance/node-tests.ts';
import { enginesUnderTest } from '../../harness/browsers.ts';

for (const [provider, stride] of [
  ['wasm', 8],
  ['webgpu', 16],
] as const) {
  test.skipIf(!enginesUnderTest().includes('chromium'))(
    `each of every ${stride}th ONNX node test that the runtime alone passes on ${provider} gives the same bits through the library [chromium]`,
    async () => {
      const verdicts = await nodeTestVerdicts(provider, stride);
      process.stdout.write(`${summaryOf(provider, verdicts)}\n`);
      expect(verdicts.filter(({ raw, ours }) => raw === true && ours !== true)).toEqual([]);
      expect(verdicts.filter(({ raw }) => raw === true).length).toBeGreaterThan(verdicts.length / 2);
    },
  );
}
