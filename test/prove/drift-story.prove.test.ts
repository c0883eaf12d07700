/**
 * The story that the product is sold by, with nothing faked: a world that is tilted at a date, an incident that says what moved, when and how,
 * a training that follows from it, and an incident that closes by itself. test/story/ has its parts; prints its numbers.
 *
 * What is real: the built collector with its database and its clock (moved, not replaced), the built demo and the SDK in Chromium, the built
 * `insitu retrain-watch` and a script that trains. Only the weeks before the tilt come from Node, through the page's own counting, sealing
 * and marking.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { openNodeSession } from '../../cli/runtime/node-session.ts';
import { tiltedDigit } from '../../demo/tilted-digit.ts';
import type { Incident } from '../../protocol/read/incidents.ts';
import { type Browser, enginesUnderTest, launch } from '../harness/browsers.ts';
import { readDigits, rightCountOf } from '../story/digits.ts';
import { BURN_IN_DAYS, DriftStory, TILT, VISITS, type Visits } from '../story/drift-story.ts';
import { acknowledgeByKeyboard } from '../story/keyboard-owner.ts';
import { UPRIGHT } from '../story/node-visitors.ts';
import { pageVisits } from '../story/page-visitors.ts';
import { HELD_OUT_SEED, type Trained } from '../story/trained.ts';
import { regenerate } from '../story/training-data.ts';

const SEED = 20_261_128;
const print = (line: string) => process.stdout.write(`${line}\n`);
const dateOf = (ms: number) => `${new Date(ms).toISOString().slice(0, 16)}Z`;

function tell(what: string, { state, closedBecause, metrics, onset }: Incident): void {
  print(`${what}: ${closedBecause ?? state}, began ${dateOf(onset.atMs)} (${dateOf(onset.fromMs)} to ${dateOf(onset.toMs)})`);
  for (const { metric, stage, isMoved, kind, effect, evidence } of metrics)
    print(
      `  ${metric}, ${stage}, ${isMoved ? 'moved' : 'as it was'}, ${kind}, effect ${effect?.toFixed(2)}, evidence ${evidence?.toFixed(0)}`,
    );
}

/** Weeks of a world as it was: not enough data, then a baseline, then nothing to tell. */
async function expectQuietWeeks(story: DriftStory): Promise<void> {
  const { collector } = story;
  const monitored = () => collector.owner.monitoredModel({ version: collector.modelVersion });
  await story.uprightDays(0, 20);
  expect(await monitored()).toMatchObject({ verdict: 'not-enough-data', missingDays: BURN_IN_DAYS - 20, watchedCount: 0 });
  await story.uprightDays(20, 40);
  const quiet = await monitored();
  expect(quiet).toMatchObject({ verdict: 'quiet', alarmCount: 0 });
  const watched = quiet.streams.filter(({ baseline }) => baseline !== null).map(({ metric }) => metric);
  expect(watched).toEqual(expect.arrayContaining(['input.image.brightness', 'output.scores.score', 'output.scores.class']));
  expect(await story.incident()).toBeNull();
}

/** What is said of the tilt is what was done: which input, when, and how. What follows from it stands behind it, although it moved more. */
async function expectTold(story: DriftStory, tiltedAtMs: number): Promise<Incident> {
  const incident = await story.collector.until('an incident is open', () => story.incident());
  tell(`tilted at ${dateOf(tiltedAtMs)}`, incident);
  const [first, ...others] = incident.metrics;
  expect(first).toMatchObject({ metric: 'input.image.brightness', stage: 'input', kind: 'sudden', isMoved: true });
  expect(incident.state).toBe('open');
  for (const { fromMs, toMs } of [incident.onset, first?.onset ?? incident.onset]) {
    expect(fromMs).toBeLessThanOrEqual(tiltedAtMs);
    expect(toMs).toBeGreaterThanOrEqual(tiltedAtMs);
  }
  const outputs = others.filter(({ stage }) => stage === 'output');
  expect(outputs.map(({ metric }) => metric)).toEqual(expect.arrayContaining(['output.scores.score', 'output.scores.class']));
  expect(Math.max(...outputs.map(({ effect }) => effect ?? 0))).toBeGreaterThan(first?.effect ?? Infinity);
  return incident;
}

/** Asked once under its key, with the evidence; what it trained is another file that reads the tilted world better, and as it says. */
async function expectTrained({ collector, hook, digits, retrainKey }: DriftStory, incident: Incident): Promise<void> {
  const key = retrainKey(incident);
  await collector.until('the training has ended', async () => (hook.ended.length > 0 ? true : null), 600_000);
  expect(hook.ended).toEqual([{ key, code: 0 }]);
  const bundle = hook.bundle(key);
  expect(bundle.incident.id).toBe(incident.id);
  expect(bundle.evidence[0]).toMatchObject({ metric: 'input.image.brightness', stage: 'input', expectedOf: 'baseline' });
  const [said] = hook.trained as readonly [Trained];
  print(`the hook printed ${JSON.stringify(said)}`);

  const file = readFileSync(hook.modelFile);
  const hashes = readdirSync(digits.path).filter((name) => name.endsWith('.onnx'));
  const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
  expect(hashes.map((name) => hashOf(readFileSync(`${digits.path}${name}`)))).not.toContain(hashOf(file));

  const [fresh, old] = await Promise.all(
    [file, readFileSync(`${digits.path}digits.int8.onnx`)].map((bytes) => openNodeSession(bytes, 'all')),
  );
  if (fresh === undefined || old === undefined) throw new Error('there are two models');
  const heldOut = readDigits(`${digits.path}heldout.json`);
  const printed = regenerate(heldOut, { seed: HELD_OUT_SEED, copies: 1, brightnessRatio: said.brightnessRatio });
  expect(await rightCountOf(fresh.run, printed)).toBe(said.right);
  const tilted = { labels: heldOut.labels, images: heldOut.images.map((image) => tiltedDigit(image, TILT, () => 0.5)) };
  const [now, before] = [await rightCountOf(fresh.run, tilted), await rightCountOf(old.run, tilted)];
  print(`of ${heldOut.labels.length} digits of the tilted world the model reads ${before} rightly, the one trained again ${now}`);
  expect(now / heldOut.labels.length).toBeGreaterThan(0.8);
  expect(before / heldOut.labels.length).toBeLessThan(0.3);
}

async function expectStory(visits: Visits, acknowledge: (story: DriftStory, incident: Incident) => Promise<void>): Promise<void> {
  const startMs = performance.now();
  const story = await DriftStory.begin(visits, SEED);
  try {
    await expectQuietWeeks(story);
    const incident = await expectTold(story, await story.tiltWorld());
    await expectTrained(story, incident);
    await acknowledge(story, incident);
    expect(await story.incident()).toMatchObject({ id: incident.id, acknowledged: { by: 'admin' } });

    await story.nextDay(VISITS.dayAfter, TILT);
    expect(await story.incident()).toMatchObject({ id: incident.id, state: 'open' });
    await story.nextDay(VISITS.upright, UPRIGHT);
    await story.nextDay(VISITS.upright, UPRIGHT);
    expect(await story.incident()).toMatchObject({ id: incident.id, state: 'recovering' });
    await story.dayWithoutVisits();
    const closed = await story.collector.until('the incident is closed', async () => {
      const now = await story.incident();
      return now?.state === 'closed' ? now : null;
    });
    tell('upright again', closed);
    expect(closed).toMatchObject({ id: incident.id, closedBecause: 'recovered' });
    const { audit } = await story.collector.owner.incident({ id: incident.id });
    print(audit.map(({ what, by, atMs }) => `${dateOf(atMs)} ${what} by ${by}`).join('; '));
    expect(audit.filter(({ what }) => what === 'retrain-asked')).toHaveLength(1);
    expect([story.hook.taken, story.hook.trained.length]).toEqual([[story.retrainKey(incident)], 1]);
    print(`the story took ${((performance.now() - startMs) / 1000).toFixed(0)} s`);
  } finally {
    await story.close();
  }
}

test.skipIf(!enginesUnderTest().includes('chromium'))(
  'a world that is tilted opens one incident with the right metric, date and kind, which trains once and closes when it is upright again',
  async () => {
    const browser: Browser = await launch('chromium');
    try {
      await expectStory(
        (collector, count, tilt) => pageVisits(browser, collector, count, tilt),
        async ({ collector }, incident) => {
          const page = await browser.newPage();
          await acknowledgeByKeyboard(page, collector, incident);
          await page.close();
        },
      );
    } finally {
      await browser.close();
    }
  },
);
