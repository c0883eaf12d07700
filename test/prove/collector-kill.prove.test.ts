/** A collector that dies hundreds of times; see test/storms/kill-storm.ts. Each part prints what it has counted. */
import { expect, test } from 'vitest';
import { surviveKills } from '../storms/kill-storm.ts';

const KILL_COUNT = 300;

test(`reports posted while the collector is killed ${KILL_COUNT} times are each counted once`, async () => {
  const { sent, found } = await surviveKills(KILL_COUNT);
  process.stdout.write(`${KILL_COUNT} kills, ${sent.reports} reports, ${sent.runs} runs, ${sent.unanswered} posts without an answer\n`);
  expect(sent.unanswered).toBeGreaterThan(0);
  expect(found).toEqual({ reports: sent.reports, runs: sent.runs, items: sent.runs });
});
