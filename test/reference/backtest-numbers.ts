/**
 * The numbers of a backtest's report, computed once more from what the monitor says of each hour, by other and simpler code.
 */
import { expect } from 'vitest';
import { openTableHistory } from '../../cli/backtest/open-history.ts';
import type { BacktestReport } from '../../cli/backtest/report.ts';
import { ModelMonitor } from '../../collector/monitoring/model-monitor.ts';
import type { Finding } from '../../counts/monitor/finding.ts';
import { MONITOR_DEFAULTS } from '../../counts/monitor/monitor.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';

export interface FoundHours {
  readonly findings: readonly (readonly [hour: number, findings: readonly Finding[]])[];
  readonly monitor: ModelMonitor;
}

type AskedTable = Pick<Parameters<typeof openTableHistory>[0], 'folder' | 'data' | 'time' | 'visit'>;

/** What the monitor says of a table, without anything that the command makes of it. */
export async function findingsOf(table: AskedTable): Promise<FoundHours> {
  const whole = { limit: null, variant: undefined, fromDay: null, toDay: null, say: () => undefined };
  const { plans, votes, range, model } = await openTableHistory({ ...table, ...whole });
  const findings: [number, readonly Finding[]][] = [];
  const monitor = new ModelMonitor({ modelVersion: model.modelVersion, plans, options: MONITOR_DEFAULTS, source: votes });
  await monitor.advance(range.toHour, (hour, found) => findings.push([hour, found]));
  return { findings, monitor };
}

/** Of a table, whose plan has one segment. */
const keyOf = ({ metric }: { readonly metric: string }) => metric;
const isJudged = ({ verdict }: Finding) => verdict !== 'not-enough-data';

export function expectJudged({ judged, tolerance }: BacktestReport, { findings, monitor }: FoundHours): void {
  expect(judged.hours).toBe(findings.length);
  expect(judged).toMatchObject({ streams: monitor.counts.streamCount, watched: monitor.counts.watchedCount, leftOut: 0 });
  expect(tolerance).toBe(monitor.tolerance);
  const first = findings.find(([, all]) => all.some(isJudged))?.[0];
  const fromDay = (judged.fromMs ?? 0) / HOUR_MS / 24;
  if (first === undefined) {
    expect(judged.days).toBe(0);
    return;
  }
  // A baseline is there from a day's first hour on; to call its stream quiet takes windows.
  expect(fromDay).toBeLessThanOrEqual(Math.floor(first / 24));
  const lastHour = findings.at(-1)?.[0] ?? 0;
  expect(judged.days).toBe(Math.floor(lastHour / 24) - fromDay + 1);
}

interface Span {
  readonly key: string;
  readonly openedAtMs: number;
  closedAtMs: number | null;
  evidence: number;
  effect: number | null;
}

export function expectAlarms({ alarms, options }: BacktestReport, { findings }: FoundHours): void {
  const spans = new Map<string, Span[]>();
  for (const [hour, all] of findings) {
    for (const finding of all) {
      const own = spans.get(keyOf(finding)) ?? [];
      spans.set(keyOf(finding), own);
      const last = own.at(-1);
      const atMs = (hour + 1) * HOUR_MS;
      const { evidence, effect } = finding;
      if (finding.verdict !== 'alarm') {
        if (last?.closedAtMs === null) last.closedAtMs = atMs;
      } else if (last === undefined || last.closedAtMs !== null)
        own.push({ key: keyOf(finding), openedAtMs: atMs, closedAtMs: null, evidence, effect });
      else {
        last.evidence = Math.max(last.evidence, evidence);
        last.effect = effect === null ? last.effect : Math.max(last.effect ?? 0, effect);
      }
    }
  }
  const reported = alarms.map((alarm): Span => {
    const { openedAtMs, closedAtMs, evidence, effect } = alarm;
    return { key: keyOf(alarm), openedAtMs, closedAtMs, evidence, effect };
  });
  const inOrder = (all: readonly Span[]) =>
    [...all].sort((one, other) => one.openedAtMs - other.openedAtMs || (one.key < other.key ? -1 : 1));
  expect(inOrder(reported)).toEqual(inOrder([...spans.values()].flat()));
  for (const { budgetMin, evidence } of alarms) expect(Math.log(options.budget / budgetMin)).toBeCloseTo(evidence, 9);
}

export function expectBudgets({ falseAlarms, judged, incidents, options, streams }: BacktestReport, { findings }: FoundHours): void {
  const peaks = new Map<string, number>();
  for (const [hour, all] of findings) {
    // Before the first baseline there is no evidence.
    if (judged.fromMs === null || hour * HOUR_MS < judged.fromMs) continue;
    for (const finding of all) {
      if (!isJudged(finding) && finding.missingDays > 0) continue;
      peaks.set(keyOf(finding), Math.max(peaks.get(keyOf(finding)) ?? -Infinity, finding.evidence));
    }
  }
  const years = judged.days / 365;
  expect(falseAlarms).toMatchObject({ modelYears: years, expected: options.budget * years, incidents: incidents.length });
  if (years > 0) expect(falseAlarms.incidentsPerYear).toBeCloseTo(incidents.length / years, 9);
  // At the owner's budget evidence 0 alarms; e times the budget lowers that by 1.
  for (const { budget, streams: count } of falseAlarms.budgets)
    expect(count).toBe([...peaks.values()].filter((peak) => peak + Math.log(budget / options.budget) >= -1e-9).length);
  for (const { metric, evidence } of streams) if (evidence !== null) expect(evidence).toBe(peaks.get(metric));
}

export function expectMissing({ streams }: BacktestReport, { findings }: FoundHours): void {
  const [, last = []] = findings.at(-1) ?? [];
  expect(streams).toHaveLength(last.length);
  for (const stream of streams) {
    const own = last.find((finding) => keyOf(finding) === keyOf(stream));
    expect(stream).toMatchObject({ verdict: own?.verdict, missingWindows: own?.missingWindows, missingDays: own?.missingDays });
  }
}
