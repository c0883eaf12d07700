/** A port that a page has seen is never given again, though it is free, and one of somebody else's is passed over. */
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { listenUnseen, unseenPort } from '../../harness/unseen-port.ts';

test('two hundred servers that are closed at once listen at two hundred ports', async () => {
  const ports = new Set<number>();
  for (let count = 0; count < 200; count++) ports.add(await unseenPort());
  expect(ports.size).toBe(200);
});

test('a port that is taken is passed over, and the server listens at another', async () => {
  const first = await unseenPort();
  const taken = createServer();
  // Refused where a stranger has it, which is as good.
  await new Promise<void>((resolve) => taken.once('error', () => resolve()).listen(first + 1, '127.0.0.1', resolve));
  const server = createServer();
  const port = await listenUnseen(server);
  expect([first, first + 1]).not.toContain(port);
  expect(server.address()).toMatchObject({ port });
  for (const each of [taken, server]) each.close();
});
