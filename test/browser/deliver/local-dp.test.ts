/**
 * The level `local-dp` on a real IndexedDB and real randomness, with a clock that the page turns.
 */
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { expect } from 'vitest';
import { LOCAL_DP_QUARANTINE_HOURS } from '../../../protocol/limits.ts';
import { decodeBody } from '../../../protocol/report/report.ts';
import { browserTest } from '../../harness/browsers.ts';
import { startFaultProxy } from '../../harness/fault-proxy.ts';
import { StaticServer } from '../../harness/static-server.ts';

const WEEK_COUNT = 7;
const STEP_HOURS = 12;
/** Visits of the wired client, a week apart. */
const VISIT_COUNT = 6;

/** Two tabs' worth of the level over one storage, some runs in each, and what they posted: hour since the start, and bytes. */
const LIVE_WEEKS = `async (weekCount, stepHours) => {
  const { openLocalDp, noisedModelOf } = await import('./local-dp.js');
  const { answerProof } = await import('./answer.js');
  const manifest = await (await fetch('/models/digits/model.json')).json();
  const startMs = Date.now();
  const posts = [];
  let nowMs = startMs;
  const host = {
    platform: {
      now: () => nowMs,
      random: (count) => crypto.getRandomValues(new Uint8Array(count)),
      post: async (_, body) => {
        posts.push({ hour: (nowMs - startMs) / 3600000, bytes: [...body] });
        return { status: 204, retryAfterMs: null, proof: answerProof(204, body), text: '' };
      },
      after: () => () => undefined,
    },
    logger: (_, code, message) => { throw new Error(code + ': ' + message); },
    address: '/v1/report/demo',
    log: { add: () => ({ status: 0 }), answer: () => undefined },
    isSending: () => true,
    onLost: () => { throw new Error('the ledger is gone'); },
    onBeforeSend: undefined,
  };
  const modelVersion = '0123456789abcdef';
  const tabs = [openLocalDp(host), openLocalDp(host)];
  await Promise.all(tabs.map((tab) => tab.open(modelVersion, noisedModelOf({ manifest, modelVersion }))));
  for (; nowMs < startMs + weekCount * 7 * 24 * 3600000; nowMs += stepHours * 3600000) {
    for (const tab of tabs) for (let run = 0; run < 5; run++) tab.ran(modelVersion, Uint32Array.of(0, 1, 6, 1));
    await Promise.all(tabs.map((tab) => tab.tick()));
  }
  await Promise.all(tabs.map((tab) => tab.end()));
  return posts;
}`;

/** A source of ours as a page imports it. */
async function moduleOf(path: string): Promise<string> {
  const input = fileURLToPath(new URL(`../../../${path}`, import.meta.url));
  const build = await rolldown({ input, platform: 'browser', logLevel: 'silent' });
  const { output } = await build.generate({ format: 'esm', codeSplitting: false });
  await build.close();
  return output[0].code;
}

browserTest(
  `in ${WEEK_COUNT} weeks two tabs post one report per epoch together, all of one length, none on the first day`,
  async ({ page }) => {
    const server = await StaticServer.start();
    try {
      server.faults.set('/pages/local-dp.js', { body: await moduleOf('sdk/local-dp/entry.ts') });
      server.faults.set('/pages/answer.js', { body: await moduleOf('protocol/report/answer.ts') });
      server.faults.set('/pages/local-dp.html', { body: '<!doctype html><title>Weeks</title><link rel="icon" href="data:," />' });
      await page.goto(`${server.origin}/pages/local-dp.html`);
      const posts = (await page.evaluate(LIVE_WEEKS, WEEK_COUNT, STEP_HOURS)) as { hour: number; bytes: number[] }[];
      const windows = posts.map(({ bytes }) => {
        const verdict = decodeBody(Uint8Array.from(bytes));
        if (!verdict.ok) throw new Error(verdict.reason);
        return verdict.body.windows[0];
      });
      // The first epoch may be sat out, the last one's report may still be to come.
      expect(posts.length).toBeGreaterThanOrEqual(WEEK_COUNT - 2);
      expect(posts.length).toBeLessThanOrEqual(WEEK_COUNT + 1);
      expect(new Set(windows.map((window) => window?.id)).size).toBe(posts.length);
      expect(new Set(posts.map(({ bytes }) => bytes.length)).size).toBe(1);
      expect(Math.min(...posts.map(({ hour }) => hour))).toBeGreaterThanOrEqual(LOCAL_DP_QUARANTINE_HOURS);
    } finally {
      await server.close();
    }
  },
);

browserTest(
  'a client at this level posts one noised report in each epoch that it is visited, and nothing else',
  ['chromium'],
  async ({ page }) => {
    const server = await StaticServer.start();
    const proxy = await startFaultProxy(server.origin);
    proxy.rules.push({ match: /^POST /, action: { kind: 'status', status: 204, isCollector: true } });
    try {
      const shown: string[] = [];
      for (let week = 0; week < VISIT_COUNT; week++) {
        await page.goto(`${proxy.url}/pages/local-dp.html?days=${7 * week}`);
        await page.waitFor('() => window.ready === true');
        shown.push(...(await page.evaluate<string[]>('() => visit()')));
      }
      const bodies = proxy.log.filter(({ method }) => method === 'POST').map(({ body }) => body);
      const kinds = bodies.map((body) => {
        const verdict = decodeBody(body);
        return verdict.ok ? verdict.body.windows.map(({ report }) => report).join() : verdict.reason;
      });
      // The first epoch may be sat out, the last one's report may still be to come.
      expect(bodies.length).toBeGreaterThanOrEqual(VISIT_COUNT - 3);
      expect(bodies.length).toBeLessThanOrEqual(VISIT_COUNT);
      expect(new Set(kinds)).toEqual(new Set(['noised']));
      expect(new Set(bodies.map(({ length }) => length)).size).toBe(1);
      expect(shown).toEqual(kinds);
      expect(await page.evaluate<string[]>('() => databases()')).not.toContain('insitu-telemetry');
    } finally {
      await proxy.close();
      await server.close();
    }
  },
);
