/**
 * The report as text for a terminal.
 *
 * Invariants
 *  - Made of the report alone. Lists end after LISTED_ROW_COUNT_MAX rows and say how many more there are.
 */
import { LISTED_ROW_COUNT_MAX } from '../../protocol/read/backtest-limits.ts';
import { columnLines, oneLine, printable, type TextColumn } from '../terminal/text-columns.ts';
import type { BacktestReport } from './report.ts';
import {
  countText,
  dateText,
  delayText,
  endText,
  foundText,
  historySentence,
  judgedSentence,
  metricText,
  missingText,
  numberText,
  onsetText,
  placeText,
  psiText,
  rulesSentence,
  signedText,
  timeText,
  unjudged,
} from './words.ts';

export function reportText(report: BacktestReport): string {
  const { model, notes } = report;
  const sections = [
    [
      `${oneLine(`${model.name} ${model.version}`)} (model version ${model.modelVersion})`,
      historySentence(report),
      rulesSentence(report),
      '',
      judgedSentence(report),
    ],
    incidentLines(report),
    alarmLines(report),
    budgetLines(report),
    missedLines(report),
    delayLines(report),
    notes.length === 0 ? [] : ['Notes', ...notes.map((note) => `  ${printable(note)}`)],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function listed(title: string, columns: readonly TextColumn[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return [];
  const more = rows.length - LISTED_ROW_COUNT_MAX;
  const lines = columnLines(columns, rows.slice(0, LISTED_ROW_COUNT_MAX)).map((line) => `  ${line}`);
  return [title, ...lines, ...(more > 0 ? [`  and ${more} more; --json has all`] : [])];
}

function incidentLines({ incidents }: BacktestReport): string[] {
  const columns: TextColumn[] = [
    { title: '#', isNumber: true },
    ...['opened (UTC)', 'closed', 'began', 'first metric'].map((title) => ({ title })),
  ];
  const rows = incidents.map(({ number, openedAtMs, closedAtMs, onset, metrics, leftOutCount }) => {
    const [first] = metrics;
    const more = metrics.length + leftOutCount - 1;
    const what = first === undefined ? '' : `${metricText(first)} (${first.stage})${more > 0 ? `, and ${more} more` : ''}`;
    return [String(number), timeText(openedAtMs), endText(closedAtMs), onsetText(onset), what];
  });
  return listed('Incidents that would have opened', columns, rows);
}

function alarmLines({ alarms }: BacktestReport): string[] {
  const columns: TextColumn[] = [
    ...['metric', 'segment', 'opened (UTC)', 'closed', 'began', 'kind'].map((title) => ({ title })),
    ...['PSI', 'evidence', 'budget from', '#'].map((title): TextColumn => ({ title, isNumber: true })),
  ];
  const rows = alarms.map((alarm) => [
    ...[metricText(alarm), placeText(alarm), timeText(alarm.openedAtMs), endText(alarm.closedAtMs), onsetText(alarm.onset)],
    `${alarm.kind ?? 'undecided'}${alarm.mix === 'alone' ? ', the mix alone' : ''}`,
    ...[psiText(alarm.effect), signedText(alarm.evidence), alarm.budgetMin.toPrecision(2), String(alarm.incident ?? '–')],
  ]);
  const lines = listed('Alarms, by metric', columns, rows);
  return lines.length === 0
    ? []
    : [...lines, '  evidence: logarithm over that of an alarm; budget from: the lowest budget with which it would have alarmed'];
}

function budgetLines({ falseAlarms, judged, options }: BacktestReport): string[] {
  if (judged.fromMs === null) return [];
  const { incidentsPerYear, budgets, modelYears } = falseAlarms;
  const rows = budgets.map(({ budget, streams }) => [
    `${budget === options.budget ? '→ ' : ''}${budget}`,
    numberText(budget * modelYears),
    String(streams),
  ]);
  return [
    ...listed(
      'Budgets: how many streams would have alarmed at least once',
      [
        { title: 'false a year', isNumber: true },
        { title: 'false in this time', isNumber: true },
        { title: 'streams', isNumber: true },
      ],
      rows,
    ),
    `  ${numberText(incidentsPerYear ?? 0)} incidents a model-year, over ${numberText(modelYears)} years`,
  ];
}

function missedLines(report: BacktestReport): string[] {
  const rows = unjudged(report).map((stream) => [metricText(stream), placeText(stream), missingText(stream)]);
  const columns = ['metric', 'segment', 'lacks'].map((title) => ({ title }));
  return listed(`Not watched at the end: ${countText(rows.length, 'stream')}; a change in these would have been missed`, columns, rows);
}

function delayLines({ delays }: BacktestReport): string[] {
  if (delays === null) return [];
  const rows = delays.rows.map((row) => [
    ...[`PSI ${row.psi}`, foundText(row), delayText(row, row.medianDays), delayText(row, row.ninetyPercentDays)],
  ]);
  const columns: TextColumn[] = ['change', 'found', 'half within', '90 % within'].map((title) => ({ title }));
  const days = delays.plantedDays.map((day) => dateText(day * 86_400_000)).join(', ');
  return [
    ...listed('Delay: how long a planted change takes to alarm at this traffic', columns, rows),
    `  every metric tilted along its cells from these days on, one after the other: ${days}`,
    `  waited for ${delays.waitDays} days at the most, and no longer than until a stream moved by itself`,
  ];
}
