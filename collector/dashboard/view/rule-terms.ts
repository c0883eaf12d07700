/**
 * Rules: a sentence of each, how it stands, and what a form says as terms. Pure.
 *
 * Invariants
 *  - What is wrong with a number is said here; all else the collector says, which knows the plans.
 */
import {
  RULE_COMPARISONS,
  RULE_STATISTICS,
  type RuleEntry,
  type RuleStateEntry,
  type RuleTerms,
} from '../../../protocol/read/incidents.ts';
import { axisNumber, counted, nameText, percent } from '../charts/figures.ts';
import type { Tone } from './overview-rows.ts';

/** What a form holds, as it was typed. */
export type RuleFields = { readonly [N in keyof RuleTerms]-?: string };

type ReadTerms = { readonly ok: true; readonly terms: RuleTerms } | { readonly ok: false; readonly sentence: string };

export function readTerms(fields: RuleFields): ReadTerms {
  const [model, metric] = [fields.model.trim(), fields.metric.trim()];
  const statistic = RULE_STATISTICS.find((each) => each === fields.statistic) ?? 'p95';
  const comparison = RULE_COMPARISONS.find((each) => each === fields.comparison) ?? 'above';
  const cells = fields.cells
    .split(/[\n,]/)
    .map((cell) => cell.trim())
    .filter((cell) => cell !== '');
  const [value, minutes] = [numberOf(fields.value), numberOf(fields.minutes)];
  const [clearValue, reportCountMin] = [numberOf(fields.clearValue), numberOf(fields.reportCountMin)];
  if (model === '') return wrong('Name the model: its name for all its versions, or the 16 hex digits of one.');
  if (metric === '') return wrong('Name the metric by its id, for example run.latency.');
  if (value === null || Number.isNaN(value)) return wrong('The value must be a number, for example 200 or 0.02.');
  if (minutes === null || Number.isNaN(minutes)) return wrong('The minutes must be a whole number from 1 to 60.');
  if (Number.isNaN(clearValue)) return wrong('The value at which it is over must be a number, or left empty.');
  if (Number.isNaN(reportCountMin)) return wrong('The number of reports must be a whole number, or left empty.');
  return {
    ok: true,
    terms: {
      ...{ model, metric, statistic, comparison, value, minutes },
      ...(cells.length === 0 ? {} : { cells }),
      ...(clearValue === null ? {} : { clearValue }),
      ...(reportCountMin === null ? {} : { reportCountMin }),
    },
  };
}

function wrong(sentence: string): ReadTerms {
  return { ok: false, sentence };
}

/** null: nothing was typed. NaN: no number. */
function numberOf(text: string): number | null {
  const typed = text.trim().replace(',', '.');
  if (typed === '') return null;
  const value = Number(typed);
  return Number.isFinite(value) ? value : Number.NaN;
}

export function fieldsOf(terms: RuleTerms): RuleFields {
  const { model, metric, statistic, cells = [], comparison, value, clearValue, minutes, reportCountMin } = terms;
  return {
    ...{ model, metric, statistic, comparison, value: String(value), minutes: String(minutes), cells: cells.join(', ') },
    ...{
      clearValue: clearValue === undefined ? '' : String(clearValue),
      reportCountMin: reportCountMin === undefined ? '' : String(reportCountMin),
    },
  };
}

/** "p95 of run.latency above 200, for 10 minutes". */
export function ruleText({ metric, statistic, cells = [], comparison, value, clearValue, minutes }: RuleTerms): string {
  const what =
    cells.length === 0
      ? nameText(metric)
      : `${cells.slice(0, 4).map(nameText).join(', ')}${cells.length > 4 ? ' …' : ''} in ${nameText(metric)}`;
  const over = clearValue === undefined || clearValue === value ? '' : `, over at ${number(statistic, clearValue)}`;
  return `${STATISTIC_TEXTS[statistic] ?? statistic} of ${what} ${comparison} ${number(statistic, value)}, for ${counted(minutes, 'minute')}${over}`;
}

export const STATISTIC_TEXTS: { readonly [S in RuleTerms['statistic']]: string } = {
  p50: 'p50',
  p95: 'p95',
  p99: 'p99',
  share: 'Share',
  'count-per-minute': 'Count per minute',
};

function number(statistic: RuleTerms['statistic'], value: number | null): string {
  if (value === null) return '–';
  return statistic === 'share' ? percent(value) : axisNumber(value);
}

interface Standing {
  readonly tone: Tone;
  readonly text: string;
}

/** How a rule stands, over all models that it is about. */
export function standingOf({ states, problem }: RuleEntry): Standing {
  if (problem !== null) return { tone: 'warn', text: 'Cannot alarm' };
  if (states.some(({ verdict }) => verdict === 'alarm')) return { tone: 'bad', text: 'Passed' };
  if (states.some(({ verdict }) => verdict === 'quiet')) return { tone: 'good', text: 'Within' };
  return { tone: 'none', text: states.length === 0 ? 'No report since the start' : 'Not enough data' };
}

/** What it saw last of one model. @param model Its name and version. */
export function stateText({ statistic }: RuleTerms, { value, verdict, reports }: RuleStateEntry, model: string): string {
  const said = verdict === 'not-enough-data' ? 'not enough data' : `${number(statistic, value)}${verdict === 'alarm' ? ', passed' : ''}`;
  return `${model}: ${said}, of ${counted(reports, 'report')}`;
}
