/**
 * The machine of incidents: what signals lead to, over time, in any order.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { perform, readAct } from '../../../collector/incidents/acts.ts';
import { advance, type Changed } from '../../../collector/incidents/machine.ts';
import type { Signal } from '../../../collector/incidents/signal.ts';
import {
  INCIDENT_COOL_DOWN_MS,
  INCIDENT_JOIN_MS,
  INCIDENT_METRIC_COUNT_MAX,
  INCIDENT_MUTE_MS_MAX,
  INCIDENT_OPEN_COUNT_MAX,
  INCIDENT_SILENT_MS_MAX,
  INCIDENT_WORSEN_INTERVAL_MS,
  NOTE_LENGTH_MAX,
} from '../../../protocol/alarm-limits.ts';
import { type Incident, type IncidentAct, STAGES } from '../../../protocol/read/incidents.ts';
import { MODEL_VERSION, NOW_MS } from '../../fixtures/reports.ts';
import { driftSignal, openIncident, ruleSignal } from '../../fixtures/signals.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Incidents of one model over time. */
class World {
  incidents: Incident[] = [];
  private idCount = 0;

  step(signals: readonly Signal[], nowMs: number): Changed[] {
    const changed = advance(this.incidents, signals, nowMs, () => String(++this.idCount).padStart(32, '0'));
    for (const { incident } of changed) this.incidents = [...this.incidents.filter(({ id }) => id !== incident.id), incident];
    return changed;
  }

  /** What became of incidents, as words. */
  changes(signals: readonly Signal[], nowMs: number): string[] {
    return this.step(signals, nowMs).flatMap(({ changes }) => changes.map(({ what }) => what));
  }

  get only(): Incident {
    expect(this.incidents).toHaveLength(1);
    return this.incidents[0] as Incident;
  }
}

const quiet = (signal: Signal): Signal => ({ ...signal, verdict: 'quiet', onset: null });
const unsure = (signal: Signal): Signal => ({ ...signal, verdict: 'not-enough-data', onset: null });

describe('the life of an incident', () => {
  test('it opens, recovers, falls back, recovers and closes after its time', () => {
    const [world, signal] = [new World(), driftSignal('a')];
    expect(world.changes([signal], NOW_MS)).toEqual(['opened']);
    expect(world.changes([signal], NOW_MS + HOUR_MS)).toEqual([]);
    expect(world.changes([quiet(signal)], NOW_MS + 2 * HOUR_MS)).toEqual(['recovering']);
    expect(world.changes([quiet(signal)], NOW_MS + 20 * HOUR_MS)).toEqual([]);
    expect(world.changes([signal], NOW_MS + 21 * HOUR_MS)).toEqual(['relapsed']);
    expect(world.changes([quiet(signal)], NOW_MS + 22 * HOUR_MS)).toEqual(['recovering']);
    expect(world.changes([quiet(signal)], NOW_MS + 22 * HOUR_MS + DAY_MS - 1)).toEqual([]);
    expect(world.changes([quiet(signal)], NOW_MS + 22 * HOUR_MS + DAY_MS)).toEqual(['closed']);
    expect(world.only).toMatchObject({ state: 'closed', closedBecause: 'recovered', sequence: 5 });
  });

  test('the same again within the cool-down opens it again; later it is another one', () => {
    const [world, signal] = [new World(), ruleSignal('slow')];
    world.step([signal], NOW_MS);
    world.step([quiet(signal)], NOW_MS + MINUTE_MS);
    const closedMs = NOW_MS + MINUTE_MS + signal.recoverMs;
    expect(world.changes([quiet(signal)], closedMs)).toEqual(['closed']);
    expect(world.changes([signal], closedMs + INCIDENT_COOL_DOWN_MS)).toEqual(['reopened']);
    expect(world.only).toMatchObject({ state: 'open', closedAtMs: null, closedBecause: null });
    expect(world.only.metrics).toHaveLength(1);
    world.step([quiet(signal)], closedMs + INCIDENT_COOL_DOWN_MS);
    const againMs = closedMs + INCIDENT_COOL_DOWN_MS + signal.recoverMs;
    world.step([quiet(signal)], againMs);
    expect(world.changes([signal], againMs + INCIDENT_COOL_DOWN_MS + 1)).toEqual(['opened']);
    expect(world.incidents).toHaveLength(2);
  });

  test('without a verdict nothing opens and nothing recovers; after a week of silence it closes', () => {
    const [world, signal] = [new World(), driftSignal('a')];
    expect(world.changes([unsure(signal)], NOW_MS)).toEqual([]);
    world.step([signal], NOW_MS);
    expect(world.changes([unsure(signal)], NOW_MS + 2 * DAY_MS)).toEqual([]);
    expect(world.changes([], NOW_MS + INCIDENT_SILENT_MS_MAX)).toEqual([]);
    expect(world.changes([], NOW_MS + INCIDENT_SILENT_MS_MAX + 1)).toEqual(['closed']);
    expect(world.only.closedBecause).toBe('silent');
  });

  test('a metric that fell silent does not keep one open whose others recovered', () => {
    const [world, silent, heard] = [new World(), driftSignal('a'), driftSignal('b')];
    world.step([silent, heard], NOW_MS);
    world.step([quiet(heard)], NOW_MS + DAY_MS);
    expect(world.changes([quiet(heard)], NOW_MS + INCIDENT_SILENT_MS_MAX)).toEqual([]);
    expect(world.changes([quiet(heard)], NOW_MS + INCIDENT_SILENT_MS_MAX + 1)).toEqual(['closed']);
  });

  test('it worsens when a metric has moved twice as far, or joined, once an hour at the most', () => {
    const [world, signal] = [new World(), driftSignal('a', { strength: 0.1 })];
    world.step([signal], NOW_MS);
    expect(world.changes([{ ...signal, strength: 0.3 }], NOW_MS + MINUTE_MS)).toEqual([]);
    expect(world.changes([driftSignal('b')], NOW_MS + 2 * MINUTE_MS)).toEqual(['joined']);
    expect(world.changes([signal], NOW_MS + INCIDENT_WORSEN_INTERVAL_MS)).toEqual(['worsened']);
    expect(world.changes([{ ...signal, strength: 0.19 }], NOW_MS + 3 * INCIDENT_WORSEN_INTERVAL_MS)).toEqual([]);
    expect(world.changes([{ ...signal, strength: 0.2 }], NOW_MS + 3 * INCIDENT_WORSEN_INTERVAL_MS)).toEqual(['worsened']);
  });
});

test('what has moved no further is not worse, however little is known of how far', () => {
  const [world, signal] = [new World(), driftSignal('a', { effect: null, strength: 0 })];
  world.step([signal], NOW_MS);
  for (const hours of [1, 2, 30]) expect(world.changes([signal], NOW_MS + hours * HOUR_MS)).toEqual([]);
});

describe('one cause, one incident', () => {
  test('what moves at about the same time is one incident, inputs first, then what moved most', () => {
    const world = new World();
    const moved = [
      driftSignal('class', { stage: 'output', strength: 0.9 }),
      driftSignal('score', { stage: 'output', strength: 2 }),
      driftSignal('brightness', { stage: 'input', strength: 0.05 }),
      ruleSignal('slow', { stage: 'software' }),
      driftSignal('contrast', { stage: 'input', strength: 0.1 }),
    ];
    expect(world.changes(moved, NOW_MS)[0]).toBe('opened');
    expect(world.only.metrics.map(({ metric }) => metric)).toEqual(['contrast', 'brightness', 'run.latency', 'score', 'class']);
    world.step([quiet(moved[4] as Signal)], NOW_MS + HOUR_MS);
    expect(world.only.metrics.map(({ metric }) => metric)).toEqual(['brightness', 'run.latency', 'score', 'class', 'contrast']);
  });

  test('what began at another time is another incident, and a model has not too many', () => {
    const world = new World();
    const begun = (index: number) => {
      const atMs = NOW_MS + index * 2 * INCIDENT_JOIN_MS;
      world.step([driftSignal(`m${index}`, { onset: { atMs, fromMs: atMs, toMs: atMs } })], atMs);
    };
    for (let index = 0; index < INCIDENT_OPEN_COUNT_MAX; index++) begun(index);
    expect(world.incidents).toHaveLength(INCIDENT_OPEN_COUNT_MAX);
    begun(INCIDENT_OPEN_COUNT_MAX);
    expect(world.incidents).toHaveLength(INCIDENT_OPEN_COUNT_MAX);
    expect(world.incidents.at(-1)?.metrics).toHaveLength(2);
  });

  test('an alarm joins the incident that began nearest to it', () => {
    const world = new World();
    const at = (metric: string, atMs: number) => driftSignal(metric, { onset: { atMs, fromMs: atMs, toMs: atMs } });
    world.step([at('a', NOW_MS - 40 * HOUR_MS)], NOW_MS - 40 * HOUR_MS);
    world.step([at('b', NOW_MS)], NOW_MS);
    world.step([at('c', NOW_MS - 18 * HOUR_MS)], NOW_MS);
    expect(world.incidents.map(({ metrics }) => metrics.map(({ metric }) => metric)).sort()).toEqual([['a'], ['b', 'c']]);
  });

  test('a found onset of long ago joins the incident of that time', () => {
    const world = new World();
    world.step([driftSignal('a')], NOW_MS);
    const laterMs = NOW_MS + 3 * DAY_MS;
    expect(world.changes([driftSignal('b')], laterMs)).toEqual(['joined', 'worsened']);
    expect(world.only.metrics).toHaveLength(2);
  });

  test('metrics beyond the limit are counted', () => {
    const world = new World();
    world.step(
      Array.from({ length: INCIDENT_METRIC_COUNT_MAX + 5 }, (_, index) => driftSignal(`m${index}`)),
      NOW_MS,
    );
    expect(world.only).toMatchObject({ leftOutCount: 5 });
    expect(world.only.metrics).toHaveLength(INCIDENT_METRIC_COUNT_MAX);
  });
});

describe('whatever is signalled in whatever order', () => {
  const signalOf = fc.record({
    stream: fc.integer({ min: 0, max: 6 }),
    verdict: fc.constantFrom<Signal['verdict']>('alarm', 'quiet', 'not-enough-data'),
    strength: fc.double({ min: 0, max: 3, noNaN: true }),
    onsetHours: fc.integer({ min: 0, max: 72 }),
  });
  const history = fc.array(fc.record({ minutes: fc.integer({ min: 0, max: 3000 }), signals: fc.array(signalOf, { maxLength: 7 }) }), {
    maxLength: 40,
  });

  test('each alarm is in one incident that is open, nothing else is, and the same step again changes nothing', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const world = new World();
        let nowMs = NOW_MS;
        for (const { minutes, signals } of steps) {
          nowMs += minutes * MINUTE_MS;
          const seen = new Map(
            signals.map(({ stream, verdict, strength, onsetHours }) => {
              const atMs = nowMs - onsetHours * HOUR_MS;
              const onset = verdict === 'alarm' ? { atMs, fromMs: atMs, toMs: atMs } : null;
              const made = driftSignal(`m${stream}`, { verdict, strength, onset, stage: STAGES[stream % 4] as Signal['stage'] });
              return [made.key, made] as const;
            }),
          );
          const before = world.incidents;
          const changed = world.step([...seen.values()], nowMs);
          expect(changed.every(({ incident }) => incident.metrics.length > 0)).toBe(true);
          for (const { incident, changes } of changed) {
            const known = before.find(({ id }) => id === incident.id)?.sequence ?? 0;
            expect(incident.sequence).toBe(known + changes.length);
          }
          const going = world.incidents.filter(({ state }) => state !== 'closed');
          for (const signal of seen.values()) {
            const holders = going.filter(({ metrics }) => metrics.some(({ key, isMoved }) => key === signal.key && isMoved));
            if (signal.verdict === 'alarm') expect(holders).toHaveLength(1);
            if (signal.verdict === 'quiet') expect(holders).toEqual([]);
          }
          for (const incident of going) {
            expect(incident.state === 'open').toBe(incident.metrics.some(({ isMoved }) => isMoved));
            expect(new Set(incident.metrics.map(({ key }) => key)).size).toBe(incident.metrics.length);
          }
          expect(going.length).toBeLessThanOrEqual(INCIDENT_OPEN_COUNT_MAX);
          expect(world.step([...seen.values()], nowMs)).toEqual([]);
        }
      }),
      { seed: 21, numRuns: 150 },
    );
  });
});

describe('what a person does', () => {
  const actor = { by: 'admin', nowMs: NOW_MS + HOUR_MS };
  const acted = (incident: Incident, act: IncidentAct) => {
    const answer = perform(incident, act, actor);
    if (!answer.ok) throw new Error(answer.sentence);
    return answer;
  };

  test('acknowledging tells who was first', () => {
    const { incident, changes } = acted(openIncident(), { act: 'acknowledge' });
    expect(incident).toMatchObject({ acknowledged: { atMs: actor.nowMs, by: 'admin' }, sequence: 2 });
    expect(changes).toEqual([{ what: 'acknowledged', text: null }]);
    const second = perform(incident, { act: 'acknowledge' }, { by: 'other', nowMs: 0 });
    expect(second).toMatchObject({ incident: { acknowledged: { by: 'admin' } } });
  });

  test('a mute ends by itself, and is told then', () => {
    const untilMs = actor.nowMs + HOUR_MS;
    const world = new World();
    world.incidents = [acted(openIncident(), { act: 'mute', untilMs }).incident];
    expect(world.changes([], untilMs - 1)).toEqual([]);
    expect(world.changes([], untilMs)).toEqual(['unmuted']);
    expect(world.only.mutedUntilMs).toBeNull();
  });

  test('re-basing closes what distributions moved, and orders the baseline to begin there', () => {
    const { incident, order, changes } = acted(openIncident(), { act: 'rebase', text: 'new camera' });
    expect(incident).toMatchObject({ state: 'closed', closedBecause: 'rebased', sequence: 3 });
    expect(changes).toEqual([
      { what: 'rebased', text: 'new camera' },
      { what: 'closed', text: 'rebased' },
    ]);
    expect(order).toMatchObject({ by: 'admin', modelVersion: MODEL_VERSION, fromMs: NOW_MS, streams: [{ metric: 'output.y.class' }] });
    const world = new World();
    world.incidents = [incident];
    expect(world.changes([driftSignal('output.y.class')], actor.nowMs)).toEqual(['opened']);
  });

  test('re-basing leaves a threshold that is passed, and is refused where only thresholds were', () => {
    const both = openIncident();
    const [moved] = both.metrics;
    const ofRule = { ...(moved as (typeof both.metrics)[0]), key: 'r', rule: 'slow' } as Incident['metrics'][number];
    const { incident } = acted({ ...both, metrics: [...both.metrics, ofRule] }, { act: 'rebase' });
    expect(incident).toMatchObject({ state: 'open', metrics: [{ isMoved: false }, { isMoved: true }] });
    const refused = perform({ ...both, metrics: [ofRule] }, { act: 'rebase' }, actor);
    expect(refused).toMatchObject({ ok: false, code: 'nothing-to-rebase' });
  });

  test('a closed incident takes notes, and nothing else', () => {
    const closed = openIncident({ state: 'closed', closedAtMs: NOW_MS, closedBecause: 'recovered' });
    expect(acted(closed, { act: 'note', text: 'it was the camera' }).changes).toEqual([{ what: 'noted', text: 'it was the camera' }]);
    const others: IncidentAct[] = [{ act: 'acknowledge' }, { act: 'mute', untilMs: null }, { act: 'rebase' }];
    for (const act of others) expect(perform(closed, act, actor)).toMatchObject({ code: 'incident-closed' });
  });

  const wrong: readonly [unknown, RegExp][] = [
    [null, /was expected/],
    [[], /was expected/],
    [{ act: 'delete' }, /was expected/],
    [{ act: 'note' }, /needs its "text"/],
    [{ act: 'note', text: ' ' }, /1 to 2000 letters/],
    [{ act: 'note', text: 'x'.repeat(NOTE_LENGTH_MAX + 1) }, /1 to 2000 letters/],
    [{ act: 'mute' }, /a time ahead/],
    [{ act: 'mute', untilMs: NOW_MS }, /a time ahead/],
    [{ act: 'mute', untilMs: NOW_MS + INCIDENT_MUTE_MS_MAX + 1 }, /90 days/],
    [{ act: 'acknowledge', by: 'me' }, /"by" is no field/],
  ];
  test.each(wrong)('%j is refused with a sentence', (json, sentence) => {
    expect(readAct(json, NOW_MS)).toMatchObject({ ok: false, code: 'body-invalid', sentence: expect.stringMatching(sentence) });
  });
});
