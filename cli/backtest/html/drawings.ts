/**
 * Drawings of the report: incidents over the days that were judged, and a stream's evidence day by day. As SVG, without a script.
 *
 * Invariants
 *  - Each drawing has a title and a description that say in words what it shows; its numbers stand in a table beside it.
 *  - Colours are the page's (page-style.ts): light and dark follow the reader.
 */
import { DAY_HOURS, HOUR_MS } from '../../../protocol/report/window.ts';
import type { BacktestReport, ReportedAlarm, ReportedIncident, ReportedStream } from '../report.ts';
import { countText, dateText, endText, metricText, placeText, signedText, timeText } from '../words.ts';
import { type Html, html, NOTHING } from './markup.ts';

const WIDTH = 960;
const [LEFT, RIGHT] = [56, 16];
const DAY_MS = DAY_HOURS * HOUR_MS;
const TICK_COUNT = 8;
/** Days between two marks of a time axis. */
const TICK_DAYS = [1, 2, 7, 14, 28, 56, 91, 182, 365, 730, 1_460];
/** A bar is never thinner, so that an hour is seen in a year. */
const BAR_WIDTH_MIN = 3;
const BAR_HEIGHT = 20;
const LANE_HEIGHT = 28;
/** Evidence of a stream that is far from an alarm; below it a line tells nothing more. */
const EVIDENCE_MIN = -12;
const EVIDENCE_HEIGHT = 96;

interface Scale {
  readonly fromMs: number;
  readonly toMs: number;
  readonly x: (ms: number) => number;
}

function scaleOf({ history: { fromMs, toMs } }: BacktestReport): Scale {
  return { fromMs, toMs, x: (ms) => LEFT + ((Math.min(toMs, Math.max(fromMs, ms)) - fromMs) / (toMs - fromMs)) * (WIDTH - LEFT - RIGHT) };
}

const at = (number: number): string => number.toFixed(1);

/** Days judged, and a bar for each incident; those that overlap lie in lanes. */
export function timeline(report: BacktestReport): Html {
  const { judged, incidents, history } = report;
  const scale = scaleOf(report);
  const lanes = lanesOf(incidents, history.toMs);
  const top = 34;
  const bottom = top + Math.max(1, lanes.count) * LANE_HEIGHT + 6;
  const judgedX = judged.fromMs === null ? WIDTH - RIGHT : scale.x(judged.fromMs);
  const said =
    judged.fromMs === null
      ? 'No day was judged.'
      : `Days from ${dateText(judged.fromMs)} on were judged; the days before them are the burn-in. ${countText(incidents.length, 'incident')}.`;
  return html`<svg viewBox="0 0 ${WIDTH} ${bottom + 26}" role="img" aria-labelledby="timeline-title timeline-text">
<title id="timeline-title">Incidents over time</title><desc id="timeline-text">${said}</desc>
<rect class="burn-in" x="${LEFT}" y="8" width="${at(judgedX - LEFT)}" height="16"/><rect class="judged" x="${at(judgedX)}" y="8" width="${at(WIDTH - RIGHT - judgedX)}" height="16"/>
${bandText(judgedX)}
${axis(scale, top - 4, bottom)}
${incidents.map((incident) => bar(incident, scale, top + (lanes.of.get(incident.number) as number) * LANE_HEIGHT, history.toMs))}
</svg>`;
}

/** Names of the two parts, where there is room for them. */
function bandText(judgedX: number): Html {
  const room = 60;
  const burnIn = judgedX - LEFT > room ? html`<text class="band" x="${LEFT + 6}" y="20">burn-in</text>` : NOTHING;
  const judged = WIDTH - RIGHT - judgedX > room ? html`<text class="band" x="${at(judgedX + 6)}" y="20">judged</text>` : NOTHING;
  return html`${burnIn}${judged}`;
}

/** The first lane that is free when an incident opens. */
function lanesOf(
  incidents: readonly ReportedIncident[],
  toMs: number,
): { readonly count: number; readonly of: ReadonlyMap<number, number> } {
  const endsMs: number[] = [];
  const of = new Map<number, number>();
  for (const { number, openedAtMs, closedAtMs } of incidents) {
    const free = endsMs.findIndex((endMs) => endMs <= openedAtMs);
    const lane = free < 0 ? endsMs.length : free;
    // Room for its number, too.
    endsMs[lane] = Math.max(closedAtMs ?? toMs, openedAtMs);
    of.set(number, lane);
  }
  return { count: endsMs.length, of };
}

function bar({ number, openedAtMs, closedAtMs, onset, metrics }: ReportedIncident, scale: Scale, y: number, historyEndMs: number): Html {
  const [from, to] = [scale.x(openedAtMs), scale.x(closedAtMs ?? historyEndMs)];
  const width = Math.max(BAR_WIDTH_MIN, to - from);
  const first = metrics[0] === undefined ? '' : metricText(metrics[0]);
  const middle = y + BAR_HEIGHT / 2;
  const onsetX = scale.x(onset.atMs);
  return html`<g><title>Incident ${number}: ${first}, opened ${timeText(openedAtMs)}, ${closedAtMs === null ? '' : 'closed '}${endText(closedAtMs)}, began about ${dateText(onset.atMs)}</title>
<line class="onset" x1="${at(onsetX)}" x2="${at(from)}" y1="${middle}" y2="${middle}"/><circle class="onset-dot" cx="${at(onsetX)}" cy="${middle}" r="3"/>
<rect class="incident" x="${at(from)}" y="${y}" width="${at(width)}" height="${BAR_HEIGHT}" rx="3"/>
${width > 22 ? html`<text class="number-in-bar" x="${at(from + 6)}" y="${y + 14}">${number}</text>` : html`<text class="number-at-bar" x="${at(Math.min(WIDTH - 4, from + width + 4))}" y="${y + 14}">${number}</text>`}</g>`;
}

function axis({ fromMs, toMs, x }: Scale, top: number, bottom: number): Html {
  const days = (toMs - fromMs) / DAY_MS;
  const step = TICK_DAYS.find((each) => days / each <= TICK_COUNT) ?? days / TICK_COUNT;
  const first = Math.ceil(fromMs / DAY_MS);
  const ticks = Array.from({ length: Math.floor((toMs / DAY_MS - first) / step) + 1 }, (_, index) => (first + index * step) * DAY_MS);
  return html`${ticks.map((ms) => {
    const anchor = x(ms) > WIDTH - RIGHT - 40 ? 'end' : 'middle';
    return html`<line class="grid" x1="${at(x(ms))}" x2="${at(x(ms))}" y1="${top}" y2="${bottom}"/><text class="tick" text-anchor="${anchor}" x="${at(x(ms))}" y="${bottom + 16}">${dateText(ms)}</text>`;
  })}`;
}

/** A stream's highest evidence of each day; 0 and more begins an alarm. */
export function evidenceDrawing(report: BacktestReport, stream: ReportedStream, index: number): Html {
  const scale = scaleOf(report);
  const days = stream.evidenceByDay ?? [];
  const top = 6;
  const highest = Math.max(4, ...days.map(({ evidence }) => evidence));
  const y = (evidence: number) => top + ((highest - Math.max(EVIDENCE_MIN, evidence)) / (highest - EVIDENCE_MIN)) * EVIDENCE_HEIGHT;
  const line = days.map(({ day, evidence }) => `${at(scale.x((day + 0.5) * DAY_MS))},${at(y(evidence))}`).join(' ');
  const own = report.alarms.filter((alarm) => isOf(alarm, stream));
  const spans = own.map(
    ({ openedAtMs, closedAtMs }) =>
      html`<rect class="alarm" x="${at(scale.x(openedAtMs))}" y="${top}" width="${at(Math.max(BAR_WIDTH_MIN, scale.x(closedAtMs ?? report.history.toMs) - scale.x(openedAtMs)))}" height="${EVIDENCE_HEIGHT}"/>`,
  );
  const alarms = own.map(({ openedAtMs, closedAtMs }) => `${timeText(openedAtMs)} to ${endText(closedAtMs)}`).join('; ');
  const said = `Highest ${signedText(stream.evidence ?? EVIDENCE_MIN)} over that of an alarm. ${own.length === 0 ? 'It did not alarm.' : `In alarm: ${alarms}.`}`;
  const name = `${metricText(stream)}${stream.segment === null && stream.arm === 'stable' ? '' : ` (${placeText(stream)})`}`;
  return html`<figure tabindex="0"><figcaption>${name}</figcaption><svg viewBox="0 0 ${WIDTH} ${top + EVIDENCE_HEIGHT + 26}" role="img" aria-labelledby="evidence-${index}-title evidence-${index}-text">
<title id="evidence-${index}-title">Evidence of ${name}</title><desc id="evidence-${index}-text">${said}</desc>
${axis(scale, top, top + EVIDENCE_HEIGHT)}${spans}
<line class="threshold" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${at(y(0))}" y2="${at(y(0))}"/><text class="tick" text-anchor="end" x="${LEFT - 6}" y="${at(y(0) + 4)}">alarm</text>
<text class="tick" text-anchor="end" x="${LEFT - 6}" y="${at(top + 8)}">${signedText(highest)}</text>
<polyline class="evidence" points="${line}"/></svg></figure>`;
}

function isOf(alarm: ReportedAlarm, { plan, arm, segment, metric }: ReportedStream): boolean {
  return alarm.plan === plan && alarm.arm === arm && alarm.segment === segment && alarm.metric === metric;
}
