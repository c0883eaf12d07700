/**
 * Threshold rules: reading what a person wrote, and finding their metric in a plan. Pure. docs/incidents.md has the grammar in words.
 *
 * Invariants
 *  - What is not understood is refused, a field that there is not too: a rule with a misspelt field would never alarm.
 *  - A rule about a model that is not registered is taken: it is usually written before the model.
 *
 * Not here: judging one (minute-sums.ts), keeping them (incidents.ts).
 */
import { RULE_CELL_COUNT_MAX, RULE_MINUTE_COUNT_MAX } from '../../protocol/alarm-limits.ts';
import { NAME_LENGTH_MAX } from '../../protocol/limits.ts';
import { nearestWord } from '../../protocol/nearest-word.ts';
import { RULE_COMPARISONS, RULE_STATISTICS, type Rule, type RuleTerms } from '../../protocol/read/incidents.ts';
import type { PlacedMetric, Plan } from '../../protocol/report/plan.ts';
import { isRecord, type OwnerError, ownerError } from './owner-error.ts';

const FIELDS = ['model', 'metric', 'statistic', 'cells', 'comparison', 'value', 'clearValue', 'minutes', 'reportCountMin'];
const REPORT_COUNT_MAX = 1_000_000;

type ReadRule = { readonly ok: true; readonly rule: Rule } | OwnerError;

/** @param json RuleTerms, as they arrive. */
export function readRule(id: unknown, json: unknown): ReadRule {
  if (typeof id !== 'string' || !/^[a-z0-9][a-z0-9-]{0,63}$/.test(id)) {
    return invalid('a rule', 'its id must be 1 to 64 lower-case letters, digits and hyphens');
  }
  const name = `rule "${id}"`;
  if (!isRecord(json)) return invalid(name, 'it must be an object');
  const stranger = Object.keys(json).find((field) => !FIELDS.includes(field));
  if (stranger !== undefined) {
    const meant = nearestWord(stranger, FIELDS);
    return invalid(name, `it has no field "${stranger.slice(0, 64)}"${meant === null ? '' : `; did you mean "${meant}"?`}`);
  }
  const wrong = wrongIn(json) ?? wrongTogether(json as unknown as RuleTerms);
  return wrong === null ? { ok: true, rule: { id, ...(json as unknown as RuleTerms) } } : invalid(name, wrong);
}

function invalid(name: string, reason: string): OwnerError {
  return ownerError('rule-invalid', `Not usable, ${name}: ${reason}. See docs/incidents.md.`);
}

const isName = (value: unknown): boolean => typeof value === 'string' && value !== '' && value.length <= 4 * NAME_LENGTH_MAX;
const isCount = (value: unknown, max: number): boolean => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= max;
const listed = (words: readonly string[]): string => words.map((word) => `"${word}"`).join(', ');

/** What is wrong with one field, or null. */
function wrongIn(json: Readonly<Record<string, unknown>>): string | null {
  const { model, metric, statistic, cells, comparison, value, clearValue, minutes, reportCountMin } = json;
  if (!isName(model)) return '"model" must be the name of a model, or the 16 hex digits of one version';
  if (!isName(metric)) return '"metric" must be the id of a metric, for example "run.latency"';
  if (!RULE_STATISTICS.includes(statistic as never)) return `"statistic" must be one of ${listed(RULE_STATISTICS)}`;
  if (!RULE_COMPARISONS.includes(comparison as never)) return `"comparison" must be one of ${listed(RULE_COMPARISONS)}`;
  if (!Number.isFinite(value)) return '"value" must be a number';
  if (clearValue !== undefined && !Number.isFinite(clearValue)) return '"clearValue" must be a number';
  if (!isCount(minutes, RULE_MINUTE_COUNT_MAX)) return `"minutes" must be a whole number from 1 to ${RULE_MINUTE_COUNT_MAX}`;
  if (reportCountMin !== undefined && !isCount(reportCountMin, REPORT_COUNT_MAX))
    return '"reportCountMin" must be a whole number from 1 on';
  const areCells = Array.isArray(cells) && isCount(cells.length, RULE_CELL_COUNT_MAX) && cells.every(isName);
  if (cells !== undefined && !areCells) return `"cells" must be a list of 1 to ${RULE_CELL_COUNT_MAX} ids of cells`;
  return null;
}

/** What does not go together, or null. */
function wrongTogether({ statistic, cells, comparison, value, clearValue = value }: RuleTerms): string | null {
  if (statistic === 'share' && cells === undefined) return 'a "share" needs "cells": of which cells the share is meant';
  if (statistic.startsWith('p') && cells !== undefined) return 'a quantile is of all values, and takes no "cells"';
  if (statistic === 'share' && (value < 0 || value > 1)) return 'a "share" lies between 0 and 1: 2 % are 0.02';
  if (statistic === 'count-per-minute' && value < 0) return 'a count is not negative';
  const isBeyond = comparison === 'above' ? clearValue > value : clearValue < value;
  return isBeyond ? '"clearValue" must lie on the side of "value" that is right' : null;
}

/** Whether a rule is about a model version. */
export function isAbout({ model }: Rule, modelVersion: string, name: string): boolean {
  return model === modelVersion || model === name;
}

/** The rule's metric in a plan; undefined when the plan has none, or two, of that id. */
export function metricIn(plan: Plan, { metric }: Pick<Rule, 'metric'>): PlacedMetric | undefined {
  const found = plan.metrics.filter(({ id }) => id === metric);
  return found.length === 1 ? found[0] : undefined;
}

/** Why a rule can say nothing about a model of these plans, or null. @param plans Data and software. */
export function problemOf(rule: Rule, plans: readonly Plan[]): OwnerError | null {
  const metrics = plans.flatMap((plan) => metricIn(plan, rule) ?? []);
  if (metrics.length === 0) {
    const meant = nearestWord(
      rule.metric,
      plans.flatMap((plan) => plan.metrics.map(({ id }) => id)),
    );
    const question = meant === null ? 'GET /v1/models/{version}/plans/{hash} lists them.' : `Did you mean "${meant}"?`;
    return ownerError('rule-metric-unknown', `The model has no one metric "${rule.metric}". ${question}`);
  }
  if (rule.statistic.startsWith('p') && metrics.every(({ edges }) => edges === null)) {
    return ownerError('rule-metric-unknown', `"${rule.metric}" has no number line, so it has no quantile. Ask for a share of its cells.`);
  }
  const unknown = rule.cells?.find((cell) => !metrics.some(({ cells }) => cells.includes(cell)));
  if (unknown === undefined) return null;
  const cells = metrics[0]?.cells ?? [];
  const meant = nearestWord(unknown, cells);
  const known = cells.length <= 12 ? ` It has ${listed(cells)}.` : '';
  return ownerError(
    'rule-cell-unknown',
    `"${rule.metric}" has no cell "${unknown}".${meant === null ? known : ` Did you mean "${meant}"?`}`,
  );
}
