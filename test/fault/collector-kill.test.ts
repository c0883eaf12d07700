/**
 * A collector that dies counts every window exactly once, as long as its clients repeat what was not acknowledged.
 */
import { connect, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bodyOf, MODEL_VERSION } from '../fixtures/reports.ts';
import { surviveKills } from '../storms/kill-storm.ts';
import { type Command, counted, freshWindow, post, Workplace } from './collector-child.ts';

let workplace: Workplace;
let running: Command | null = null;

beforeEach(async () => {
  workplace = await Workplace.create();
});
afterEach(async () => {
  await running?.kill('SIGKILL');
  await workplace.dispose();
});

async function start(port = 0): Promise<string> {
  const { command, url } = await workplace.start(port);
  running = command;
  return url;
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}

/** Forwards connections to `port`, and calls `onAnswer` instead of passing the first answer's bytes on. */
async function interceptAnswers(port: number, onAnswer: () => Promise<unknown>): Promise<{ server: Server; url: string }> {
  const server = createServer((client) => {
    const upstream = connect(port, '127.0.0.1');
    client.pipe(upstream);
    upstream.once('data', async () => {
      await onAnswer();
      client.destroy();
      upstream.destroy();
    });
    client.on('error', () => upstream.destroy());
    upstream.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
}

// Goal: SIGKILL between commit and answer counts once. Method: the first byte of the answer shows that the commit is
// done; it is swallowed, the process is killed, and the client sends the same bytes to the next process.
test('a collector killed between commit and answer has counted the report, and counts its repetition not again', async () => {
  const url = await start();
  const proxy = await interceptAnswers(portOf(url), () => (running as Command).kill('SIGKILL'));
  const body = bodyOf([freshWindow(8), freshWindow(9)]);
  expect(await post(proxy.url, body)).toBe(0);
  proxy.server.close();
  const next = await start();
  expect(await counted(next, MODEL_VERSION)).toEqual({ reports: 2, runs: 17, items: 17 });
  expect(await post(next, body)).toBe(204);
  expect(await counted(next, MODEL_VERSION)).toEqual({ reports: 2, runs: 17, items: 17 });
});

test('an answer that is lost on the way leads to a repetition that is not counted', async () => {
  const url = await start();
  const proxy = await interceptAnswers(portOf(url), () => Promise.resolve());
  const body = bodyOf([freshWindow()]);
  expect([await post(proxy.url, body), await post(proxy.url, body), await post(url, body)]).toEqual([0, 0, 204]);
  proxy.server.close();
  expect(await counted(url, MODEL_VERSION)).toEqual({ reports: 1, runs: 8, items: 8 });
});

test('reports posted while the collector is killed 8 times are each counted once', async () => {
  const { sent, found } = await surviveKills(8);
  expect(sent.unanswered).toBeGreaterThan(0);
  expect(found).toEqual({ reports: sent.reports, runs: sent.runs, items: sent.runs });
});
