/**
 * An export that is stopped while the collector has not answered yet leaves nothing behind.
 */
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { guardedFolder, removeFolder, spawnGuarded } from '../harness/guardian.ts';

const CLI = fileURLToPath(new URL('../../dist/node/cli.js', import.meta.url));
const MODEL = { modelVersion: '1'.repeat(16), plan: '2'.repeat(16), name: 'm', version: '1', registeredAtMs: 0, baselineRuns: 0 };

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s ends it with %i, and neither the file nor a part of it is there', async (signal, code) => {
  const folder = guardedFolder('export');
  let asked: () => void = () => undefined;
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const server = createServer((request, response) => {
    if (request.url === '/v1/models') response.end(JSON.stringify([MODEL]));
    else asked();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const child = spawnGuarded(process.execPath, [CLI, 'export', '--parquet', join(folder, 'sums.parquet'), '--collector', url], {
    stdio: 'ignore',
  });
  try {
    await isAsked;
    expect(readdirSync(folder)).toHaveLength(1);
    child.kill(signal);
    expect(await once(child, 'exit')).toEqual([code, null]);
    expect(readdirSync(folder)).toEqual([]);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    removeFolder(folder);
  }
});
