/**
 * The hostile visitor's own process: sends what it is given as fast as it can, until it is ended.
 *
 * Why a process: it has a core of its own where there are two, and whoever measures beside it is not slowed by it.
 *
 *     node hostile-visitor-process.mjs <origin> <orders.json> <connections>
 *
 * Each connection repeats the orders of one name, so that slow answers to the one hold up no other. Orders: { path, method, body (base64) or null, idOffsets } each; at each of the offsets 16 bytes are drawn anew for each request, so that no
 * window is a repetition. At the end of its input it prints how often each order got which answer, as one line of JSON.
 *
 * Not here: what is sent (hostile-visitor.ts).
 */
import { randomFillSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';

const [origin, file, connections] = process.argv.slice(2);
const orders = JSON.parse(readFileSync(file, 'utf8')).map((order) => ({
  ...order,
  bytes: order.body === null ? null : Buffer.from(order.body, 'base64'),
}));
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
const answers = {};
/** One connection for each name, and the others for what is sent. */
const names = [...new Set(orders.map(({ name }) => name))];
const sent = names.filter((name) => orders.some((order) => order.name === name && order.method === 'POST'));
const nameOf = (connection) => names[connection] ?? sent[connection % sent.length];
let isOver = false;

function send({ name, path, method, bytes, idOffsets, isSilent }) {
  return new Promise((resolve) => {
    const body = bytes === null ? null : Buffer.from(bytes);
    for (const offset of idOffsets) randomFillSync(body, offset, 16);
    const count = (what) => {
      answers[name] ??= {};
      answers[name][what] = (answers[name][what] ?? 0) + 1;
      resolve();
    };
    const headers = body === null ? {} : { 'Content-Length': body.length };
    // A silent reader keeps a connection of its own and never reads.
    const asked = request(origin + path, { method, headers, ...(isSilent ? { agent: false } : { agent }) }, (response) => {
      if (isSilent) {
        response.pause();
        setTimeout(() => response.destroy(), 20_000).unref();
        count(response.statusCode);
        return;
      }
      response.on('end', () => count(response.statusCode)).on('error', () => count('broken'));
      response.resume();
    });
    asked.on('error', () => count('broken'));
    asked.end(body ?? undefined);
  });
}

async function go(connection) {
  const mine = orders.filter(({ name }) => name === nameOf(connection));
  for (let next = connection; !isOver; next++) {
    await send(mine[next % mine.length]);
    // One who waits for a place that he has lost sends nothing meanwhile.
    if (mine[0].isSilent) await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const done = Promise.all(Array.from({ length: Number(connections) }, (_, connection) => go(connection)));
process.stdin.resume();
process.stdin.once('end', async () => {
  isOver = true;
  await Promise.race([done, new Promise((resolve) => setTimeout(resolve, 5_000))]);
  process.stdout.write(`${JSON.stringify(answers)}\n`, () => process.exit(0));
});
