/** The hash of a file that a person had opened left in a software report, and told which file it was. */
import { expect } from 'vitest';
import { openBarePage, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';

const visit = (options: string) => `async () => {
  const client = insitu.createClient({ collector: { url: location.origin, key: 'k' }, consent: 'granted', logger: () => undefined });
  const bytes = new Uint8Array(await (await fetch('/models/digits/digits.int8.onnx')).arrayBuffer());
  const model = await client.load({ name: 'mine.onnx', bytes }, { provider: 'wasm', ${options} });
  for (let run = 0; run < 9; run++) await model.run(digit());
  await client.load({ name: 'broken.onnx', bytes: new Uint8Array(64) }, { ${options} }).catch(() => undefined);
  await client.telemetry.flush();
  await client.close();
}`;

browserTest(
  'loads, failed loads and runs of bytes leave no report, unless the application says that it publishes them',
  ['chromium'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      await openBarePage(page, server);
      await page.evaluate(visit(''));
      expect(server.requests.filter((path) => path.startsWith('/v1/report'))).toEqual([]);
      await page.evaluate(visit('telemetry: true'));
      expect(server.requests.filter((path) => path.startsWith('/v1/report')).length).toBeGreaterThan(0);
    });
  },
);
