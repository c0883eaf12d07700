/**
 * The machine of incidents: signals and the incidents of one model in, its incidents after them out. Pure.
 *
 *     open        something is moved                   -> recovering when all is as it was
 *     recovering  all is as it was, not yet long enough -> open when something moves again, closed after its time
 *     closed      over                                 -> open when the same moves again within INCIDENT_COOL_DOWN_MS
 *
 * Why one incident for all that moves at about the same time: they have one cause, and a person who is told of forty metrics is told
 * nothing.
 *
 * Invariants
 *  - A stream is in one incident at a time that is not closed. One of a model's alarms is in an incident, or counted in `leftOutCount`.
 *  - The same signals at the same time again change nothing. Nothing here asks the clock.
 *  - Without a verdict nothing moves on: neither is an incident opened, nor does one recover.
 *  - A model has at most INCIDENT_OPEN_COUNT_MAX incidents that are not closed, each of INCIDENT_METRIC_COUNT_MAX metrics.
 *
 * Not here: what a person does (acts.ts), keeping and telling (incidents.ts).
 */
import {
  INCIDENT_COOL_DOWN_MS,
  INCIDENT_JOIN_MS,
  INCIDENT_METRIC_COUNT_MAX,
  INCIDENT_OPEN_COUNT_MAX,
  INCIDENT_SILENT_MS_MAX,
  INCIDENT_WORSEN_INTERVAL_MS,
  INCIDENT_WORSEN_RATIO_MIN,
} from '../../protocol/alarm-limits.ts';
import { type ClosedBecause, type Incident, type IncidentChange, type MovedMetric, STAGES } from '../../protocol/read/incidents.ts';
import type { Signal } from './signal.ts';

/** What became of an incident in one step, and why, in words where there are any. */
export interface Change {
  readonly what: IncidentChange;
  readonly text: string | null;
}

export interface Changed {
  readonly incident: Incident;
  /** In the order in which they happened; empty where only numbers are newer. */
  readonly changes: readonly Change[];
}

/** An incident while it is being worked on. */
interface Step {
  incident: Incident;
  isTouched: boolean;
  readonly changes: Change[];
}

/**
 * @param incidents All of the model that are kept.
 * @param signals Of that model, each key once. Streams that are not among them stay as they are.
 * @param nextId Ids for new incidents.
 * @returns Those that are not as they were.
 */
export function advance(incidents: readonly Incident[], signals: readonly Signal[], nowMs: number, nextId: () => string): Changed[] {
  const steps = incidents.map((incident): Step => ({ incident, isTouched: false, changes: [] }));
  const unheld = signals.filter((signal) => !steps.some((step) => takeIn(step, signal, nowMs)));
  const alarms = unheld.filter(({ verdict }) => verdict === 'alarm').sort((one, other) => onsetOf(one, nowMs) - onsetOf(other, nowMs));
  const leftOut = new Map<Step, number>();
  for (const alarm of alarms) {
    const step = placeFor(steps, alarm, nowMs) ?? begin(steps, alarm, nowMs, nextId);
    if (step.incident.metrics.length >= INCIDENT_METRIC_COUNT_MAX) leftOut.set(step, (leftOut.get(step) ?? 0) + 1);
    else join(step, alarm, nowMs);
  }
  for (const step of steps) {
    if (step.incident.state === 'closed') continue;
    change(step, { leftOutCount: Math.max(step.incident.leftOutCount, leftOut.get(step) ?? 0) });
    settle(step, nowMs);
  }
  return steps
    .filter(({ isTouched }) => isTouched)
    .map(({ incident, changes }) => ({ incident: { ...incident, sequence: incident.sequence + changes.length }, changes }));
}

const onsetOf = ({ onset }: Signal, nowMs: number): number => onset?.atMs ?? nowMs;

/** Changes what is different, and remembers whether anything was. */
function change(step: Step, next: Partial<Incident>): void {
  const keys = Object.keys(next) as (keyof Incident)[];
  if (keys.every((key) => JSON.stringify(step.incident[key]) === JSON.stringify(next[key]))) return;
  step.incident = { ...step.incident, ...next };
  step.isTouched = true;
}

function tell(step: Step, what: IncidentChange, text: string | null = null): void {
  step.changes.push({ what, text });
  step.isTouched = true;
}

/** @returns Whether the signal is of a metric that this incident has, and is not closed. */
function takeIn(step: Step, signal: Signal, nowMs: number): boolean {
  const { incident } = step;
  const held = incident.metrics.find(({ key }) => key === signal.key);
  if (incident.state === 'closed' || held === undefined) return false;
  if (signal.verdict === 'not-enough-data') return true;
  const next = signal.verdict === 'alarm' ? moved(signal, nowMs, held) : quiet(signal, nowMs, held);
  change(step, { metrics: ranked(incident.metrics.map((metric) => (metric === held ? next : metric))) });
  return true;
}

/** @param held What is known of it already; the beginning of what moves again is that of the first time. */
function moved(signal: Signal, nowMs: number, held: MovedMetric | null): MovedMetric {
  const { verdict: _, modelVersion: __, onset, ...said } = signal;
  const since = onset ?? held?.onset ?? { atMs: nowMs, fromMs: nowMs, toMs: nowMs };
  return { ...said, onset: since, isMoved: true, toldStrength: held?.toldStrength ?? null, seenAtMs: nowMs, quietSinceMs: null };
}

function quiet({ value, limit, evidence, recoverMs }: Signal, nowMs: number, held: MovedMetric): MovedMetric {
  return { ...held, value, limit, evidence, recoverMs, isMoved: false, seenAtMs: nowMs, quietSinceMs: held.quietSinceMs ?? nowMs };
}

/** The incident that an alarm belongs to: one that is going on and began at about the same time, or one that the same metric has just left. */
function placeFor(steps: readonly Step[], alarm: Signal, nowMs: number): Step | undefined {
  const going = steps.filter(({ incident }) => incident.state !== 'closed');
  const atMs = onsetOf(alarm, nowMs);
  const distanceMs = ({ incident }: Step): number => Math.abs(atMs - incident.onset.atMs);
  const [near] = going
    .filter((step) => distanceMs(step) <= INCIDENT_JOIN_MS || nowMs - step.incident.openedAtMs <= INCIDENT_JOIN_MS)
    .sort((one, other) => distanceMs(one) - distanceMs(other));
  if (near !== undefined) return near;
  const left = steps.find(
    ({ incident: { closedAtMs, closedBecause, metrics } }) =>
      closedAtMs !== null &&
      closedBecause !== 'rebased' &&
      nowMs - closedAtMs <= INCIDENT_COOL_DOWN_MS &&
      metrics.some(({ key }) => key === alarm.key),
  );
  if (left !== undefined) return reopen(left);
  return going.length >= INCIDENT_OPEN_COUNT_MAX ? latest(going) : undefined;
}

const latest = (steps: readonly Step[]): Step | undefined =>
  steps.reduce((one, other) => (other.incident.openedAtMs > one.incident.openedAtMs ? other : one));

function reopen(step: Step): Step {
  change(step, { state: 'open', closedAtMs: null, closedBecause: null, acknowledged: null });
  tell(step, 'reopened');
  return step;
}

function begin(steps: Step[], alarm: Signal, nowMs: number, nextId: () => string): Step {
  const incident: Incident = {
    ...{ id: nextId(), modelVersion: alarm.modelVersion, state: 'open', openedAtMs: nowMs, metrics: [], leftOutCount: 0 },
    onset: alarm.onset ?? { atMs: nowMs, fromMs: nowMs, toMs: nowMs },
    ...{ closedAtMs: null, closedBecause: null, acknowledged: null, mutedUntilMs: null, sequence: 0, toldAtMs: nowMs },
  };
  const step: Step = { incident, isTouched: true, changes: [{ what: 'opened', text: null }] };
  steps.push(step);
  return step;
}

/** Also of a metric that a closed incident had, which is open again by now. */
function join(step: Step, alarm: Signal, nowMs: number): void {
  const { incident, changes } = step;
  const held = incident.metrics.find(({ key }) => key === alarm.key) ?? null;
  const others = incident.metrics.filter((metric) => metric !== held);
  const isNews = held === null && !changes.some(({ what }) => what === 'opened');
  change(step, { metrics: ranked([...others, moved(alarm, nowMs, held)]) });
  if (isNews) tell(step, 'joined', alarm.metric);
}

/**
 * What moves before what is as it was, what moved in itself before what only the mix of segments moved, inputs before what follows from them,
 * and in each stage what moved most first.
 */
function ranked(metrics: readonly MovedMetric[]): MovedMetric[] {
  return [...metrics].sort(
    (one, other) =>
      Number(other.isMoved) - Number(one.isMoved) ||
      Number(one.mix === 'alone') - Number(other.mix === 'alone') ||
      STAGES.indexOf(one.stage) - STAGES.indexOf(other.stage) ||
      other.strength - one.strength ||
      (one.key < other.key ? -1 : 1),
  );
}

/** What follows for the incident as a whole from how its metrics stand. */
function settle(step: Step, nowMs: number): void {
  const { metrics, state } = step.incident;
  const isSilent = (metric: MovedMetric) => metric.isMoved && nowMs - metric.seenAtMs > INCIDENT_SILENT_MS_MAX;
  const isMoved = metrics.some((metric) => metric.isMoved && !isSilent(metric));
  const isOver = (metric: MovedMetric) => isSilent(metric) || nowMs - (metric.quietSinceMs ?? nowMs) >= metric.recoverMs;
  if (!isMoved && metrics.every(isOver)) {
    close(step, metrics.some(isSilent) ? 'silent' : 'recovered', nowMs);
    return;
  }
  if (isMoved === (state === 'recovering')) {
    change(step, { state: isMoved ? 'open' : 'recovering' });
    tell(step, isMoved ? 'relapsed' : 'recovering');
  }
  const { mutedUntilMs } = step.incident;
  if (mutedUntilMs !== null && mutedUntilMs <= nowMs) {
    change(step, { mutedUntilMs: null });
    tell(step, 'unmuted', 'its time is over');
  }
  if (isMoved) tellHowBad(step, nowMs);
}

function close(step: Step, because: ClosedBecause, nowMs: number): void {
  change(step, closing(because, nowMs));
  tell(step, 'closed', because);
}

const closing = (because: ClosedBecause, nowMs: number) =>
  ({ state: 'closed', closedAtMs: nowMs, closedBecause: because, mutedUntilMs: null }) as const;

/** An incident that ends for a reason which no signal gives. */
export function closedAs(incident: Incident, because: ClosedBecause, nowMs: number): Changed {
  const next = { ...incident, ...closing(because, nowMs), sequence: incident.sequence + 1 };
  return { incident: next, changes: [{ what: 'closed', text: because }] };
}

/** Once it is told that it is there: what is worse, or new, is told together, and not too often. */
function tellHowBad(step: Step, nowMs: number): void {
  const { incident, changes } = step;
  const isTold = changes.some(({ what }) => what === 'opened' || what === 'reopened' || what === 'unmuted');
  const isWorse = incident.metrics.some(
    ({ isMoved, strength, toldStrength: told }) =>
      isMoved && (told === null || (strength > told && strength >= INCIDENT_WORSEN_RATIO_MIN * told)),
  );
  if (!isTold && (!isWorse || nowMs - incident.toldAtMs < INCIDENT_WORSEN_INTERVAL_MS)) return;
  if (!isTold) tell(step, 'worsened');
  const metrics = incident.metrics.map((metric) => (metric.isMoved ? { ...metric, toldStrength: metric.strength } : metric));
  change(step, { metrics, toldAtMs: nowMs });
}
