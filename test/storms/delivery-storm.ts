/**
 * A storm over delivery: random scripts over simulated pages, and what must hold at the end of each.
 *
 * Goal: the four rules of delivery in the code itself, not only in the small model that they come from. Method: after each
 * script everybody dies, the network heals, one more visit drains, and every run is sought. Each rule is then switched off by a
 * patch of its own source text and the storm must notice.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { DATA_REPORT_RUN_COUNT_MIN, LEASE_MS, WINDOW_OPEN_MS_MAX } from '../../protocol/limits.ts';
import { bundled, type Edit, matchCount } from '../mutants/library.ts';
import { type DeliverySource, isRepeat, runsOf, type SimulatedPage, World } from './simulated-world.ts';

export interface StormOptions {
  readonly interleavings: number;
  /** Printed with every failure; the same seed is the same storm. */
  readonly seed: number;
  readonly hasLocks: boolean;
  readonly delivery?: DeliverySource;
}

export interface StormResult {
  readonly acceptedRuns: number;
  /** What went wrong in the first script that went wrong; null when nothing did. */
  readonly trouble: string | null;
}

const scripts = fc.array(fc.nat(2 ** 24), { minLength: 20, maxLength: 240, size: 'max' });

export async function storm({ interleavings, seed, hasLocks, delivery }: StormOptions): Promise<StormResult> {
  let acceptedRuns = 0;
  const property = fc.asyncProperty(scripts, async (script) => {
    const world = await play(script, new World(hasLocks, delivery));
    acceptedRuns += [...world.accepted.values()].flat().length;
    const trouble = troubleOf(world);
    if (trouble !== null) throw new Error(trouble);
  });
  const result = await fc.check(property, { numRuns: interleavings, seed, endOnFailure: true });
  const cause = result.errorInstance instanceof Error ? result.errorInstance.message : 'failed';
  return { acceptedRuns, trouble: result.failed ? `${cause} (seed ${seed}, path ${result.counterexamplePath})` : null };
}

function troubleOf(world: World): string | null {
  const all = [...world.accepted.values()].flat();
  const twice = all.find((run, index) => all.indexOf(run) !== index);
  if (twice !== undefined) return `run ${twice} was counted twice`;
  const marks = [...world.marks.values()];
  const again = marks.find((mark, index) => marks.indexOf(mark) !== index);
  if (again !== undefined) return `two windows are the first of a day: ${again}`;
  if (world.refusals.length > 0) return `the intake refused: ${world.refusals[0]}`;
  // Without Web Locks a page that sleeps can be taken for dead: what it counted since is given up, and told.
  if (!world.hasLocks) return null;
  const data = [...world.records.values()].filter(({ report }) => report === 'data');
  const there = new Set([...all, ...data.flatMap(runsOf)]);
  const gone = [...world.sealed].find((run) => !there.has(run));
  if (gone !== undefined) return `run ${gone} was sealed and is gone`;
  const stuck = data.find(
    (record) => record.state !== 'rest' || runsOf(record).filter((run) => !isRepeat(run)).length >= DATA_REPORT_RUN_COUNT_MIN,
  );
  return stuck === undefined ? null : `a ${stuck.state} of ${stuck.runs} runs is stuck`;
}

/** Long enough for every promise that can go on to have gone on. */
const settled = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What people and browsers do next; the usual is listed more often. */
function stepsOf(world: World, number: number): (() => void)[] {
  const { living } = world;
  const steps: (() => void)[] = [];
  if (living.length < 3 && world.pages.length < 9) steps.push(() => world.open());
  for (const page of living) {
    if (page.isFrozen) {
      steps.push(() => page.show());
      if (number % 2 === 0) steps.push(() => world.kill(page, number));
      continue;
    }
    if (page.isFreezing) {
      steps.push(
        () => page.run(1),
        () => page.sleep(),
        () => page.sleep(),
        () => page.show(),
      );
      continue;
    }
    for (const count of [1, 3, 3, 5]) steps.push(() => page.run(count));
    steps.push(
      () => page.tick(),
      () => page.tick(),
      () => page.hide(),
      () => page.show(),
    );
    const rare = [() => world.kill(page, number >> 2), () => freeze(page), () => void page.telemetry.flush()][number % 4];
    if (rare !== undefined) steps.push(rare);
  }
  const pauseMs = [1_000, LEASE_MS + 1, WINDOW_OPEN_MS_MAX][number % 5];
  if (pauseMs !== undefined) steps.push(() => world.wait(pauseMs));
  return steps;
}

/** As the browser does: microtasks between the two listeners of `pagehide`. */
function freeze(page: SimulatedPage): void {
  page.hide();
  void Promise.resolve()
    .then(() => undefined)
    .then(() => page.freeze());
}

async function play(script: readonly number[], world: World): Promise<World> {
  world.open();
  await settled();
  for (const number of script) {
    const outcomes = world.outcomes();
    // What is under way goes on half of the time.
    const choices = outcomes.length > 0 && number % 3 !== 0 ? outcomes : stepsOf(world, number >> 8);
    choices[(number >> 2) % choices.length]?.();
    await settled();
  }
  for (const page of world.living) world.kill(page, 0);
  await lastVisit(world);
  return world;
}

/** The network is fine, everybody else is gone: what can be delivered is. */
async function lastVisit(world: World): Promise<void> {
  world.wait(LEASE_MS + 1);
  world.open();
  const [page] = world.living;
  for (let round = 0; round < 40; round++) {
    // Longer than any wait that the collector ordered.
    world.wait(1_000);
    world.heal();
    await settled();
    page?.tick();
    await settled();
  }
}

/** A rule of delivery (ARCHITECTURE.md) and the edit that switches it off. */
export interface Rule extends Edit {
  readonly rule: string;
}

export const RULES: readonly Rule[] = [
  {
    rule: 'hide sends only what a committed draft backs',
    file: 'sdk/delivery/outbox.ts',
    find: "const isBacked = window.report === 'software' || (window.committed === 'draft' && !window.isAdopting);",
    replace: 'const isBacked = true;',
  },
  {
    rule: 'a rest joins memory only after the transaction that moved it has committed',
    file: 'sdk/delivery/outbox.ts',
    find: `      if (await this.table.exchange(rest, own)) {
        window.counts.merge(content);`,
    replace: `      window.counts.merge(content);
      if (await this.table.exchange(rest, own)) {`,
  },
  {
    rule: 'a record belongs to its live page',
    file: 'sdk/delivery/page-life.ts',
    find: 'filter((page) => page !== this.page && !living.has(PREFIX + page))',
    replace: 'filter((page) => page !== this.page)',
  },
  {
    rule: 'one outbox transaction in flight per page',
    file: 'sdk/delivery/outbox.ts',
    find: 'const run = this.tail.then(async () => {',
    replace: 'const run = Promise.resolve().then(async () => {',
  },
  {
    rule: 'a mark is claimed by one window of all pages',
    file: 'sdk/delivery/outbox.ts',
    find: 'const mark = await this.table.claim(key, day);',
    replace: "const mark = 'day';",
  },
];

/** The delivery part with one rule switched off, built from its sources. */
export async function ruleOff(rule: Rule): Promise<DeliverySource> {
  if (matchCount(rule) !== 1) throw new Error(`the text of the rule stands ${matchCount(rule)} times in ${rule.file}`);
  const folder = mkdtempSync(join(tmpdir(), 'insitu-rule-'));
  try {
    const file = join(folder, 'delivery.mjs');
    writeFileSync(file, (await bundled('sdk/delivery/delivery.ts', [rule], 'node')).code);
    return (await import(/* @vite-ignore */ pathToFileURL(file).href)) as DeliverySource;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
