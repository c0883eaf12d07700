/**
 * The story that the product is sold by, step by step: weeks of a world as it was, an hour from which on it is tilted, an incident, a training,
 * a world that is upright again, and an incident that closes by itself.
 *
 * Whose clock: that of the owner's machines, collector and retrain hook, is moved. Pages keep the machine's; their reports are taken for a
 * week. So the tilt is at the machine's present, where sums by the page's hour and votes by the collector's agree, and what comes behind it
 * lies ahead.
 *
 * Invariants
 *  - Visits before the day of the tilt come from Node; those of that day and the days after it from whoever is given.
 *  - A step is over when the collector has judged what came in it.
 *
 * Not here: what must hold (drift-story.prove.test.ts).
 */
import { createHash } from 'node:crypto';
import type { Tilt } from '../../demo/tilted-digit.ts';
import { MONITOR_SETTLE_MS } from '../../protocol/monitor-limits.ts';
import type { Incident } from '../../protocol/read/incidents.ts';
import { DAY_HOURS, HOUR_MS } from '../../protocol/report/window.ts';
import { removeFolder } from '../harness/guardian.ts';
import { Chance } from '../storms/monitor-world.ts';
import { DigitsFolder } from './digits-folder.ts';
import { openVisits, UPRIGHT, type Visit } from './node-visitors.ts';
import { RetrainHook } from './retrain-hook.ts';
import { StoryCollector } from './story-collector.ts';

const DAY_MS = DAY_HOURS * HOUR_MS;
const MINUTE_MS = 60_000;
const MORNING_MS = 9 * HOUR_MS + 5 * MINUTE_MS;
const NOON_MS = 12 * HOUR_MS;
/** Of which the monitor judges the end. */
const QUARTER_MS = 6 * HOUR_MS;
/** From the beginning to the last tilted visit, on a busy machine: so much is left of the quarter that is tilted. */
const STORY_MS_MAX = 40 * MINUTE_MS;
export const BURN_IN_DAYS = 28;
/** Before the day of the tilt. */
const DAYS_BEFORE = 40;
const VISIT_HOURS = [9, 14, 20];
const VISITS_PER_HOUR = 4;
const SECRET = 'the secret of the retrain hook';
const TARGET = 'train';

/** Ink and paper have changed places, and a column aside: brightness moves, and what the model makes of such digits moves further. */
export const TILT: Tilt = { dark: 0, noise: 0, shift: 1, isInverted: true };
/** Visits before the tilt on its day, behind it, on the day after, and on each day of the upright world. */
export const VISITS = { before: 3, tilted: 24, dayAfter: 6, upright: 12 } as const;

/** Lets so many visitors come to the collector. */
export type Visits = (collector: StoryCollector, count: number, tilt: Tilt) => Promise<void>;

interface Begun extends Pick<DriftStory, 'digits' | 'collector' | 'hook'> {
  readonly visits: Visits;
  readonly visit: Visit;
  readonly chance: Chance;
  readonly firstDay: number;
  readonly quarterMs: number;
}

export class DriftStory {
  readonly digits: DigitsFolder;
  readonly collector: StoryCollector;
  readonly hook: RetrainHook;
  private readonly visits: Visits;
  private readonly visit: Visit;
  private readonly chance: Chance;
  private readonly firstDay: number;
  /** Beginning of the quarter of the day in which the world is tilted. */
  private readonly quarterMs: number;
  /** Days behind that. */
  private dayCount = 0;

  private constructor(of: Begun) {
    this.digits = of.digits;
    this.collector = of.collector;
    this.hook = of.hook;
    this.visits = of.visits;
    this.visit = of.visit;
    this.chance = of.chance;
    this.firstDay = of.firstDay;
    this.quarterMs = of.quarterMs;
  }

  static async begin(visits: Visits, seed: number): Promise<DriftStory> {
    const digits = DigitsFolder.make();
    const hook = await RetrainHook.start(SECRET, digits.path);
    const quarterMs = Math.floor((Date.now() + STORY_MS_MAX) / QUARTER_MS) * QUARTER_MS;
    const firstDay = Math.floor(quarterMs / DAY_MS) - DAYS_BEFORE;
    const target = { name: TARGET, type: 'retrain', url: hook.url, secret: { env: 'STORY_SECRET' } };
    const config = { targets: [target], monitor: { default: { burnInDays: BURN_IN_DAYS } } };
    const env = { STORY_SECRET: SECRET };
    const collector = await StoryCollector.start({
      startMs: firstDay * DAY_MS,
      modelsFolder: digits.models,
      config,
      aheadFile: hook.aheadFile,
      env,
    });
    const visit = await openVisits(collector.modelVersion, digits);
    return new DriftStory({ digits, collector, hook, visits, visit, chance: new Chance(seed), firstDay, quarterMs });
  }

  /** Days of the upright world, counted from the first. */
  async uprightDays(fromDay: number, toDay: number): Promise<void> {
    for (let day = this.firstDay + fromDay; day < this.firstDay + toDay; day++) {
      for (const hour of VISIT_HOURS) {
        await this.collector.moveTo(day * DAY_MS + hour * HOUR_MS + 5 * MINUTE_MS);
        await this.nodeVisits(VISITS_PER_HOUR, UPRIGHT, this.collector.nowMs);
      }
    }
    await this.overAt((this.firstDay + toDay) * DAY_MS);
  }

  /** A quarter of the day that is first as it was, then tilted. @returns When it was. */
  async tiltWorld(): Promise<number> {
    const { collector, visits, quarterMs } = this;
    await collector.moveTo(Math.max(Date.now(), quarterMs + 5 * MINUTE_MS));
    await visits(collector, VISITS.before, UPRIGHT);
    const tiltedAtMs = collector.nowMs;
    await visits(collector, VISITS.tilted, TILT);
    await this.overAt(quarterMs + QUARTER_MS);
    return tiltedAtMs;
  }

  /** The next day, from the morning to noon. */
  async nextDay(count: number, tilt: Tilt): Promise<void> {
    const { collector, visits } = this;
    const dayMs = (this.firstDay + DAYS_BEFORE + ++this.dayCount) * DAY_MS;
    await collector.moveTo(dayMs + MORNING_MS);
    await visits(collector, count, tilt);
    await this.overAt(dayMs + NOON_MS);
    await collector.until('the incident has heard of the day', async () => {
      const incident = await this.incident();
      const isOver = incident === null || incident.state === 'closed';
      return isOver || incident.metrics.some(({ seenAtMs }) => seenAtMs >= dayMs + NOON_MS) ? true : null;
    });
  }

  /** A day on which nobody comes. */
  async dayWithoutVisits(): Promise<void> {
    const { collector } = this;
    await collector.moveTo(collector.nowMs + DAY_MS + HOUR_MS);
    await collector.judged();
  }

  /** The only incident that there is, or null; more than one is an error. */
  async incident(): Promise<Incident | null> {
    const [incident = null, ...others] = await this.collector.incidents();
    if (others.length > 0) throw new Error(`there are ${others.length + 1} incidents of one cause`);
    return incident && (await this.collector.owner.incident({ id: incident.id })).incident;
  }

  /** The key under which the hook is asked for an incident, by docs/incidents.md the same in every attempt. */
  retrainKey({ id }: Incident): string {
    return createHash('sha256')
      .update(JSON.stringify([TARGET, id, 'retrain']))
      .digest('hex')
      .slice(0, 32);
  }

  /** Visits in Node with windows of that hour. */
  async nodeVisits(count: number, tilt: Tilt, windowAtMs: number): Promise<void> {
    const bodies: Uint8Array<ArrayBuffer>[] = [];
    for (let index = 0; index < count; index++) bodies.push(await this.visit(windowAtMs, this.chance, tilt));
    const statuses = await Promise.all(
      bodies.map(async (body) => (await fetch(`${this.collector.url}/v1/report/demo`, { method: 'POST', body })).status),
    );
    if (statuses.some((status) => status !== 204)) throw new Error(`reports were answered ${statuses.join()}`);
  }

  async close(): Promise<void> {
    await this.collector.close();
    await this.hook.close();
    removeFolder(this.digits.models);
  }

  /** Goes to where all before that time is judged, if it is not there, and waits for it. */
  private async overAt(atMs: number): Promise<void> {
    const { collector } = this;
    const settledMs = atMs + MONITOR_SETTLE_MS + 1_000;
    if (collector.nowMs < settledMs) await collector.moveTo(settledMs);
    await collector.judged();
  }
}
