/**
 * Unseen port: a listening address on loopback that no page of this test process has seen before.
 *
 * Why: what a page stores belongs to its origin, and a browser serves many tests. The system gives a port that was
 * closed to the next who asks, every few hundred times; a test then finds the model of another in its store.
 *
 * Invariants
 *  - A port is given once in the life of a test process. One that is taken by somebody else is passed over.
 *  - They lie below the range from which the system gives ports itself, and above those that browsers refuse.
 *
 * Source: Linux, net.ipv4.ip_local_port_range (32768 and more); Fetch standard, "port blocking".
 */
import { createServer, type Server } from 'node:net';

const HOST = '127.0.0.1';
const PORT_MIN = 12_000;
const PORT_COUNT = 20_000;

/** Somewhere else in each test process, so that several rarely ask for the same one. */
let next = Math.floor(Math.random() * PORT_COUNT);
let givenCount = 0;

/** Listens there; resolves to the port. */
export async function listenUnseen(server: Pick<Server, 'listen' | 'once' | 'off'>): Promise<number> {
  for (; givenCount < PORT_COUNT; givenCount++) {
    const port = PORT_MIN + (next++ % PORT_COUNT);
    if (await listens(server, port)) return port;
  }
  throw new Error(`all ${PORT_COUNT} ports from ${PORT_MIN} on were used in this test process`);
}

/** For a program that listens itself: free a moment ago. */
export async function unseenPort(): Promise<number> {
  const server = createServer();
  const port = await listenUnseen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function listens(server: Pick<Server, 'listen' | 'once' | 'off'>, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const refused = (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(false) : reject(error));
    server.once('error', refused);
    server.listen(port, HOST, () => {
      server.off('error', refused);
      resolve(true);
    });
  });
}
