/**
 * The collector as the harness runs it: what other tests take for granted about kill and restart.
 *
 * Not here: what the collector must keep over a kill (collector-kill.test.ts).
 */
import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { startCollectorProcess } from '../harness/collector-process.ts';

const isUp = (url: string) =>
  fetch(`${url}/v1/health`).then(
    (response) => response.ok,
    () => false,
  );

test('a collector that was killed is gone, and comes back at the same address with the same data folder', async () => {
  const collector = await startCollectorProcess();
  const { url, dataDir } = collector;
  expect(await isUp(url)).toBe(true);
  await collector.kill('SIGKILL');
  expect(await isUp(url)).toBe(false);
  await collector.restart();
  expect([collector.url, await isUp(url), existsSync(dataDir)]).toEqual([url, true, true]);
  await collector.close();
  expect([await isUp(url), existsSync(dataDir)]).toEqual([false, false]);
});
