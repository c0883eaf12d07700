/**
 * `insitu incidents` on a real collector: what it lists, what it does, and each sentence that it refuses with.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runCommandLine } from '../../../cli/command-line.ts';
import { type Collector, startCollector } from '../../../collector/index.ts';
import { saidBy } from '../../fixtures/data-files.ts';
import { MemoryStore } from '../../fixtures/memory-store.ts';
import { NOW_MS } from '../../fixtures/reports.ts';
import { openIncident } from '../../fixtures/signals.ts';

let folder: string;
let collector: Collector;
const ID = '1'.repeat(32);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-cli-incidents-'));
  const store = new MemoryStore();
  const closed = openIncident({ id: '2'.repeat(32), state: 'closed', closedAtMs: NOW_MS, closedBecause: 'recovered' });
  await store.putRecords([
    { kind: 'incident', key: ID, value: openIncident({ leftOutCount: 3 }, { metric: 'a\u001b[2Jb' }) },
    { kind: 'incident', key: closed.id, value: closed },
  ]);
  await writeFile(join(folder, 'key'), 'the-key\n');
  collector = await startCollector({ port: 0, dataFolder: folder, store, adminKey: 'the-key', now: () => NOW_MS });
});
afterAll(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

const said = (...args: string[]) => saidBy(runCommandLine, 'incidents', '--url', collector.url, '--key-file', join(folder, 'key'), ...args);

test('it lists what is not closed, and with --all the rest; names cannot write over the terminal', async () => {
  const { text } = await said();
  expect(text).toBe(`${ID}  open        2026-03-10 12:30 UTC  model ${openIncident().modelVersion}  a [2Jb, and 3 more\n`);
  expect((await said('--all')).text.trimEnd().split('\n')).toHaveLength(2);
});

test('it acts, and shows who did what', async () => {
  expect((await said(ID, 'acknowledge')).text).toMatch(/acknowledged by admin/);
  expect((await said(ID, 'note', 'the', 'camera')).text).toMatch(/noted by admin: the camera/);
  expect((await said(ID, 'mute', '2')).text).toMatch(/muted until .* UTC/);
  expect((await said(ID, 'unmute')).text).not.toMatch(/muted until/);
  expect(JSON.parse((await said(ID, '--json')).text)).toMatchObject({ incident: { sequence: 5, acknowledged: { by: 'admin' } } });
});

const wrong: readonly [readonly string[], RegExp][] = [
  [['x'], /named by 32 hex digits/],
  [[ID, 'delete'], /Expected acknowledge/],
  [[ID, 'mute', 'long'], /Expected acknowledge/],
  [['2'.repeat(32), 'acknowledge'], /^This incident is closed/],
  [['3'.repeat(32)], /^There is no such incident/],
  [['--key-file', 'nowhere'], /^The admin key nowhere cannot be read/],
  [['--url', 'http://127.0.0.1:9'], /^No collector answers at/],
];
test.each(wrong)('%j is refused with a sentence', async (args, sentence) => {
  expect((await said(...args)).failure).toMatch(sentence);
});
