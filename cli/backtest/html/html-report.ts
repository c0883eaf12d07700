/**
 * The report as one HTML file that loads nothing: to look at, and to pass on.
 *
 * Invariants
 *  - Made of the report alone, as the text for a terminal is, in the same words.
 *  - No script, no network, nothing of a stranger's name that could be a tag (markup.ts).
 *  - Without pictures it says as much: each drawing's numbers are in a table.
 */
import { DRAWN_STREAM_COUNT_MAX } from '../../../protocol/read/backtest-limits.ts';
import { DAY_HOURS, HOUR_MS } from '../../../protocol/report/window.ts';
import type { BacktestReport, ReportedAlarm, ReportedStream } from '../report.ts';
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
  placeText,
  psiText,
  rulesSentence,
  signedText,
  timeText,
  unjudged,
} from '../words.ts';
import { evidenceDrawing, timeline } from './drawings.ts';
import { type Html, type HtmlColumn, html, htmlTable, NOTHING } from './markup.ts';
import { PAGE_STYLE } from './page-style.ts';

export function htmlReport(report: BacktestReport): string {
  const { model } = report;
  const title = `Backtest of ${model.name} ${model.version}`;
  // The style is ours and has no sign that HTML would read otherwise.
  const head = `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">\n<link rel="icon" href="data:,">\n`;
  const body = html`<title>${title}</title>
</head>
<body>
<main>
${opening(report, title)}
${incidents(report)}
${alarms(report)}
${falseAlarms(report)}
${missed(report)}
${delays(report)}
${notes(report)}
<footer>Made by insitu backtest. Model version ${model.modelVersion}. All times in UTC.</footer>
</main>
</body>
</html>
`;
  return `${head}<style>${PAGE_STYLE}</style>\n${body.text}`;
}

const column = (title: string): HtmlColumn => ({ title });
const numbers = (title: string): HtmlColumn => ({ title, isNumber: true });

/** A time is never broken over two lines. */
function timeCell(ms: number): Html {
  return html`<time datetime="${new Date(ms).toISOString()}">${timeText(ms)}</time>`;
}

function endCell(ms: number | null): Html {
  return ms === null ? html`${endText(ms)}` : timeCell(ms);
}

function onsetCell({ atMs, fromMs, toMs }: ReportedAlarm['onset']): Html {
  return html`${timeCell(atMs)}<br><small><time>${dateText(fromMs)}</time> to <time>${dateText(toMs)}</time></small>`;
}

function opening(report: BacktestReport, title: string): Html {
  const { falseAlarms: counted, judged, history } = report;
  const figures = [
    [String(counted.incidents), counted.incidents === 1 ? 'incident would have opened' : 'incidents would have opened'],
    [numberText(counted.expected), 'false ones allowed for by the budget in that time'],
    [String(judged.days), `of ${countText(history.days, 'day')} judged`],
    [`${judged.watched} of ${judged.streams}`, 'streams have a baseline'],
  ].map(([value = '', what = '']) => html`<div><dt>${what}</dt><dd>${value}</dd></div>`);
  return html`<header><h1>${title}</h1><p>${judgedSentence(report)}</p><p class="muted">${historySentence(report)}</p><p class="muted">${rulesSentence(report)}</p><dl class="figures">${figures}</dl></header>`;
}

function incidents(report: BacktestReport): Html {
  const rows = report.incidents.map(({ number, openedAtMs, closedAtMs, onset, metrics, leftOutCount }) => [
    ...[String(number), timeCell(openedAtMs), endCell(closedAtMs), onsetCell(onset)],
    [...metrics.map((metric) => metricText(metric)), ...(leftOutCount > 0 ? [countText(leftOutCount, 'further metric')] : [])].join(', '),
  ]);
  const table =
    rows.length === 0
      ? html`<p>None: no stream passed the evidence of an alarm.</p>`
      : htmlTable(
          'Incidents, in the order in which they open',
          [numbers('#'), ...['opened', 'closed', 'began (interval)', 'metrics, ranked'].map(column)],
          rows,
        );
  return html`<section><h2>Incidents that would have opened</h2><p class="muted">A bar is an incident from its opening to its close. The dotted line before it reaches back to when the change began.</p><div class="card" role="region" tabindex="0" aria-label="Incidents over time">${timeline(report)}</div>${table}</section>`;
}

function alarms(report: BacktestReport): Html {
  const rows = report.alarms.map((alarm) => [
    ...[metricText(alarm), placeText(alarm), timeCell(alarm.openedAtMs), endCell(alarm.closedAtMs), onsetCell(alarm.onset)],
    `${alarm.kind ?? 'undecided'}${alarm.mix === 'alone' ? ', the mix alone' : ''}`,
    ...[psiText(alarm.effect), signedText(alarm.evidence), alarm.budgetMin.toPrecision(2), String(alarm.incident ?? '–')],
  ]);
  const columns = [
    ...['metric', 'segment', 'opened', 'closed', 'began (interval)', 'kind'].map(column),
    ...['PSI', 'evidence', 'budget from', 'incident'].map(numbers),
  ];
  const drawn = report.streams.filter(({ evidenceByDay }) => evidenceByDay !== null);
  const [moved, near] = [drawn.filter(({ alarmCount }) => alarmCount > 0), drawn.filter(({ alarmCount }) => alarmCount === 0)];
  const table = rows.length === 0 ? NOTHING : htmlTable('Alarms by metric and segment', columns, rows);
  return html`<section><h2>Evidence, metric by metric</h2><p class="muted">Each line is the logarithm of the evidence over that of an alarm; the dashed line is where an alarm begins, and it goes on until the stream has come back. “Budget from” is the lowest budget with which it would have alarmed.</p>${drawings(report, moved, 0)}${table}${
    near.length === 0
      ? NOTHING
      : html`<details${moved.length === 0 ? html` open` : NOTHING}><summary>${countText(near.length, 'stream')} without an alarm that came nearest to one</summary>${drawings(report, near, moved.length)}</details>`
  }</section>`;
}

function drawings(report: BacktestReport, streams: readonly ReportedStream[], firstIndex: number): Html {
  const shown = [...streams].sort((one, other) => (other.evidence ?? 0) - (one.evidence ?? 0)).slice(0, DRAWN_STREAM_COUNT_MAX);
  const more = streams.length - shown.length;
  const rest = more > 0 ? html`<p class="muted">${countText(more, 'further stream')} that alarmed: in the table.</p>` : NOTHING;
  return html`${shown.map((stream, index) => evidenceDrawing(report, stream, firstIndex + index))}${rest}`;
}

function falseAlarms({ falseAlarms: counted, judged, options }: BacktestReport): Html {
  if (judged.fromMs === null) return NOTHING;
  const { budgets, modelYears, incidentsPerYear, expected, incidents: count } = counted;
  const rows = budgets.map(({ budget, streams }) => [
    `${budget}${budget === options.budget ? ' (yours)' : ''}`,
    ...[numberText(budget * modelYears), String(streams)],
  ]);
  const table = htmlTable(
    'With another budget',
    [numbers('false incidents a model-year'), numbers('of them in this time'), numbers('streams that alarm at least once')],
    rows,
  );
  return html`<section><h2>What the budget means</h2><p>${countText(count, 'incident')} in ${numberText(modelYears)} years is ${numberText(incidentsPerYear ?? 0)} a model-year. Were nothing to change, a budget of ${options.budget} would let ${numberText(expected)} open in that time, in the mean: what goes far beyond that is most likely a real change.</p>${table}</section>`;
}

function missed(report: BacktestReport): Html {
  const streams = unjudged(report);
  if (streams.length === 0) return NOTHING;
  const rows = streams.map((stream) => [metricText(stream), placeText(stream), missingText(stream)]);
  return html`<section><h2>What would have been missed</h2><p>A change in ${streams.length === 1 ? 'this stream' : 'these streams'} would not have been told: there was too little to judge by when the history ended.</p>${htmlTable('Streams without a verdict at the end', [column('metric'), column('segment'), column('lacks')], rows)}</section>`;
}

function delays({ delays: table }: BacktestReport): Html {
  if (table === null) return NOTHING;
  const rows = table.rows.map((row) => [
    `PSI ${row.psi}`,
    foundText(row),
    delayText(row, row.medianDays),
    delayText(row, row.ninetyPercentDays),
  ]);
  const days = table.plantedDays.map((day) => dateText(day * DAY_HOURS * HOUR_MS)).join(', ');
  return html`<section><h2>How long a change takes to be found</h2><p>At this traffic, by replaying this very history with every metric tilted from a day on. A stream that moves by itself is watched until then.</p>${htmlTable('Days from a change to its alarm', [column('change'), column('found'), column('half within'), column('90 % within')], rows)}<p class="muted">Changes were planted on ${days}, one after the other, and waited for during ${table.waitDays} days at the most.</p></section>`;
}

function notes({ notes: said }: BacktestReport): Html {
  if (said.length === 0) return NOTHING;
  return html`<section><h2>What to know about these numbers</h2><ul>${said.map((note) => html`<li>${note}</li>`)}</ul></section>`;
}
