/**
 * Prefix proxy: a server behind a path prefix, as an operator's nginx puts it: `location /monitoring/ { proxy_pass http://…/; }`.
 *
 * Invariants
 *  - The prefix is taken off and nothing else is changed, neither headers nor bodies: what is behind does not know of it.
 *  - What does not begin with the prefix is a 404, and stays in `strays`: an address that a page has built from the root.
 *
 * Not here: faults on the way (fault-proxy.ts).
 */
import { createServer, request } from 'node:http';
import { listenUnseen } from './unseen-port.ts';

export interface PrefixProxy {
  /** Ends with a slash. */
  readonly url: string;
  /** Paths that were asked for outside of the prefix. */
  readonly strays: readonly string[];
  close(): Promise<void>;
}

export async function startPrefixProxy(target: string, prefix: string): Promise<PrefixProxy> {
  const { hostname, port } = new URL(target);
  const strays: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const { url = '/', method, headers } = incoming;
    if (!url.startsWith(prefix)) {
      strays.push(url);
      outgoing.writeHead(404).end();
      return;
    }
    const path = `/${url.slice(prefix.length)}`;
    const passed = request({ hostname, port, path, method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on('error', () => outgoing.destroy());
    outgoing.on('close', () => passed.destroy());
    incoming.pipe(passed);
  });
  const ownPort = await listenUnseen(server);
  return {
    url: `http://127.0.0.1:${ownPort}${prefix}`,
    strays,
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
