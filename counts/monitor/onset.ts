/**
 * Onset: when a change began, and whether at once or little by little.
 *
 * Method: the days' distances from the baseline are projected onto templates, steps that begin each quarter of a day and ramps of 5 to
 * 45 days that begin each day. A template's gain is half the square of its projection: the logarithm of its likelihood ratio if the
 * direction of the change is free. The best step and the best ramp are compared.
 *
 * Invariants
 *  - Steps begin at quarters: with whole days a step at noon looks like a ramp.
 *  - Of ordered groups that moved smoothly only line and parabola are projected: fewer directions, less chance.
 *  - A kind is told only when the change's observations would tell a step from a ramp of a week (INFORMATION_MIN); else `undecided`.
 */
import type { Reference } from './baseline.ts';
import { HOURS_PER_DAY } from './day-votes.ts';
import type { ScoredDay } from './detector.ts';
import type { ChangeKind, Onset } from './finding.ts';

const RAMP_DAYS = [5, 7, 10, 14, 20, 30, 45] as const;
const STEPS_PER_DAY = 4;
/** A ramp of which less than this has been seen is a guess. */
const RAMP_SEEN_MIN = 0.4;
/** So much of a template must lie within the days. */
const WEIGHT_MIN = 0.25;
/** Gain of the best ramp over the best step, seven to one either way; chance gives ramps a little more, since they bend. */
const GRADUAL_GAIN_MIN = 2.5;
const SUDDEN_GAIN_MAX = -2;
/** Templates whose gain is this close to the best are as good: 95 % for two unknowns (3.0), start and length, with a little for the choice. */
const INTERVAL_GAIN = 4;
/** Logarithm of the likelihood ratio by which a step and a ramp of a week differ. */
const INFORMATION_MIN = 3;
const INFORMATION_RAMP_DAYS = 7;
const INFORMATION_DIVISOR = 12;

interface Template {
  /** In days since 1970: where a step is, or the middle of a ramp. */
  readonly at: number;
  readonly rampDays: number;
  readonly gain: number;
}

interface Deviation {
  /** The part of the day that has been seen. */
  readonly from: number;
  readonly to: number;
  readonly weight: number;
  readonly values: readonly number[];
}

export interface Change {
  readonly onset: Onset;
  readonly kind: ChangeKind;
}

/** null when nothing was seen. @param endHour The first hour that is not over. */
export function changeOf(reference: Reference, days: readonly ScoredDay[], isSmooth: boolean, endHour: number): Change | null {
  const deviations = days.flatMap((day) => deviationOf(reference, day, isSmooth, endHour / HOURS_PER_DAY) ?? []);
  const templates = templatesOver(deviations);
  const steps = templates.filter(({ rampDays }) => rampDays === 0);
  const ramps = templates.filter(({ rampDays }) => rampDays > 0);
  const [step, ramp] = [best(steps), best(ramps)];
  if (step === null) return null;
  const kind = kindOf(step, ramp, deviations);
  const among = kind === 'sudden' ? steps : kind === 'gradual' ? ramps : templates;
  const chosen = kind === 'gradual' ? (ramp as Template) : step;
  const top = best(among)?.gain ?? 0;
  const close = among.filter(({ gain }) => gain >= top - INTERVAL_GAIN).map(({ at }) => at);
  const hourOf = (day: number) => Math.round(day * HOURS_PER_DAY);
  // Half of what lies between two templates of a kind, at the least.
  const margin = kind === 'sudden' ? 1 / STEPS_PER_DAY : 1 / 2;
  return {
    kind,
    onset: { hour: hourOf(chosen.at), fromHour: hourOf(Math.min(...close) - margin), toHour: hourOf(Math.max(...close) + margin) },
  };
}

function best(templates: readonly Template[]): Template | null {
  return templates.reduce<Template | null>((top, each) => (top === null || each.gain > top.gain ? each : top), null);
}

function kindOf(step: Template, ramp: Template | null, deviations: readonly Deviation[]): ChangeKind {
  const more = (ramp?.gain ?? -Infinity) - step.gain;
  if (more > GRADUAL_GAIN_MIN) return 'gradual';
  if (more > SUDDEN_GAIN_MAX) return 'undecided';
  // What a step of this size says in a day, and so what would be left over if it had been a ramp.
  const after = deviations.filter(({ to }) => to > step.at);
  const seenDays = after.reduce((sum, { from, to }) => sum + Math.min(to - from, to - step.at), 0);
  const perDay = seenDays > 0 ? step.gain / seenDays : 0;
  return (perDay * INFORMATION_RAMP_DAYS) / INFORMATION_DIVISOR >= INFORMATION_MIN ? 'sudden' : 'undecided';
}

function deviationOf({ strata, functions }: Reference, day: ScoredDay, isSmooth: boolean, end: number): Deviation | null {
  const to = Math.min(day.day + 1, end);
  if (day.total === 0 || to <= day.day) return null;
  const { shares } = strata[day.stratum] as Reference['strata'][number];
  const gaps = Array.from(day.counts, (count, group) => count / day.total - (shares[group] as number));
  const along = (by: Float64Array) => gaps.reduce((sum, gap, group) => sum + gap * (by[group] as number), 0);
  const values =
    isSmooth && functions !== null
      ? [along(functions.line), along(functions.parabola)]
      : gaps.map((gap, group) => gap / Math.sqrt(shares[group] as number));
  return { from: day.day, to, weight: day.total, values };
}

function templatesOver(deviations: readonly Deviation[]): Template[] {
  const [first, last] = [deviations[0], deviations.at(-1)];
  if (first === undefined || last === undefined) return [];
  const templates: Template[] = [];
  for (let quarter = first.from * STEPS_PER_DAY; quarter < last.to * STEPS_PER_DAY; quarter++) {
    const start = quarter / STEPS_PER_DAY;
    addTemplate(templates, deviations, { at: start, rampDays: 0, weightAt: ({ from, to }) => clip((to - start) / (to - from)) });
  }
  for (const rampDays of RAMP_DAYS) {
    for (let start = first.from; start < last.to - RAMP_SEEN_MIN * rampDays; start++) {
      const at = start + rampDays / 2;
      addTemplate(templates, deviations, { at, rampDays, weightAt: ({ from, to }) => clip(((from + to) / 2 - start) / rampDays) });
    }
  }
  return templates;
}

type Shape = Omit<Template, 'gain'> & { readonly weightAt: (day: Deviation) => number };

function addTemplate(templates: Template[], deviations: readonly Deviation[], { at, rampDays, weightAt }: Shape): void {
  const projection: number[] = (deviations[0] as Deviation).values.map(() => 0);
  let squares = 0;
  let weights = 0;
  for (const day of deviations) {
    const share = weightAt(day);
    if (share === 0) continue;
    weights += share;
    squares += day.weight * share * share;
    for (let index = 0; index < projection.length; index++)
      projection[index] = (projection[index] as number) + day.weight * share * (day.values[index] as number);
  }
  if (weights < WEIGHT_MIN || squares === 0) return;
  const gain = projection.reduce((sum, each) => sum + each * each, 0) / (2 * squares);
  templates.push({ at, rampDays, gain });
}

function clip(share: number): number {
  return Math.min(1, Math.max(0, share));
}
