/**
 * Turns of a connection: its requests are begun one after the other, and few may wait.
 *
 * Why: a request of fifty bytes may follow the one before without waiting for its answer. A thousand of them fit into one packet, and each
 * was answered at once, into memory, whether or not anybody read. Files that were opened for answers behind the first stayed open for ever
 * when the reader went away: Node tells only the answer whose turn it is. Browsers and proxies send one at a time.
 *
 * Invariants
 *  - A connection that asks for more is cut. What it asked before ends as it does when a reader goes away.
 *  - What waits on a connection that is gone is never begun.
 */
import type { RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { CONNECTION_REQUEST_COUNT_MAX } from '../../protocol/limits.ts';

export function inTurn(listener: RequestListener): RequestListener {
  /** The first is under way. */
  const turnsOf = new WeakMap<Socket, (() => void)[]>();
  return (request, response) => {
    const { socket } = request;
    const turns = turnsOf.get(socket) ?? [];
    turnsOf.set(socket, turns);
    if (turns.length === CONNECTION_REQUEST_COUNT_MAX) {
      socket.destroy();
      return;
    }
    turns.push(() => {
      response.once('close', () => {
        turns.shift();
        if (!socket.destroyed) turns[0]?.();
      });
      listener(request, response);
    });
    if (turns.length === 1) turns[0]?.();
  };
}
