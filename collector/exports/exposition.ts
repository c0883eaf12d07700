/**
 * Exposition: families as Prometheus reads them, in the OpenMetrics text or the classic one.
 *
 * Invariants
 *  - Both formats hold the same numbers under the same names and labels.
 *  - Text of strangers (names of models and tensors) is escaped: it ends no line and no label.
 *  - Bounds are written as Go writes them, which is how Prometheus 3 names them whatever was written: no series gets a second name.
 *
 * Source: OpenMetrics 1.0 (prometheus/OpenMetrics, "Text format"); "Exposition formats", prometheus.io. A value that lies on a bound is
 * counted above it here and below it there: cells hold their lower edge.
 */
import { EXPORT_SLICE_NUMBER_COUNT } from '../../protocol/read/export-limits.ts';
import type { HistogramPoint, Labels, MetricFamily, NumberPoint } from './family.ts';

export type TextFormat = 'openmetrics' | 'classic';

export const CONTENT_TYPES: Readonly<Record<TextFormat, string>> = {
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
  classic: 'text/plain; version=0.0.4; charset=utf-8',
};

/** What a reader takes, by its `Accept`; the classic text for whoever does not ask for the other. */
export function formatFor(accept: string | undefined): TextFormat {
  const weights = { openmetrics: 0, classic: 0 };
  for (const range of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    const format = type === 'application/openmetrics-text' ? 'openmetrics' : type === 'text/plain' ? 'classic' : null;
    const weight = Number(parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? 1);
    if (format !== null && weight > weights[format]) weights[format] = weight;
  }
  return weights.openmetrics > 0 && weights.openmetrics >= weights.classic ? 'openmetrics' : 'classic';
}

/** One family in pieces of whole lines, each some milliseconds of work; nothing of one without points. */
export function* familyPieces({ name, help, unit, kind, points }: MetricFamily, format: TextFormat): Generator<string> {
  if (points.length === 0) return;
  const isOpen = format === 'openmetrics';
  // The classic text knows a counter by the name of its numbers.
  const title = kind === 'counter' && !isOpen ? `${name}_total` : name;
  let lines = [`# HELP ${title} ${escaped(help, isOpen)}`, `# TYPE ${title} ${kind}`];
  if (isOpen && unit !== null) lines.splice(1, 0, `# UNIT ${title} ${unit}`);
  for (const point of points) {
    if ('counts' in point) lines.push(...histogramLines(name, point));
    else lines.push(`${kind === 'counter' ? `${name}_total` : name}${inBraces(pairsOf(point))} ${point.value}`);
    if (lines.length < EXPORT_SLICE_NUMBER_COUNT) continue;
    yield `${lines.join('\n')}\n`;
    lines = [];
  }
  if (lines.length > 0) yield `${lines.join('\n')}\n`;
}

export function endText(format: TextFormat): string {
  return format === 'openmetrics' ? '# EOF\n' : '';
}

function histogramLines(name: string, point: HistogramPoint): string[] {
  const pairs = pairsOf(point);
  const before = pairs === '' ? '' : `${pairs},`;
  let count = 0;
  const lines = point.counts.map((ofCell, index) => {
    count += ofCell;
    const bound = point.bounds[index];
    return `${name}_bucket{${before}le="${bound === undefined ? '+Inf' : boundText(bound)}"} ${count}`;
  });
  return [...lines, `${name}_count${inBraces(pairs)} ${count}`];
}

/** Written once for all points that share them. */
const sharedTexts = new WeakMap<Labels, string>();

function pairsOf({ shared, labels }: NumberPoint | HistogramPoint): string {
  const before = sharedTexts.get(shared) ?? pairsText(shared);
  sharedTexts.set(shared, before);
  const own = pairsText(labels);
  return before === '' || own === '' ? before + own : `${before},${own}`;
}

function pairsText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${escaped(value, true)}"`)
    .join(',');
}

function inBraces(pairs: string): string {
  return pairs === '' ? '' : `{${pairs}}`;
}

function escaped(text: string, withQuotes: boolean): string {
  const lines = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return withQuotes ? lines.replaceAll('"', '\\"') : lines;
}

/** As Prometheus 3 names it: Go's shortest `%g`, and never like a whole number. */
function boundText(value: number): string {
  const [digits, exponent] = value.toExponential().split('e');
  const power = Number(exponent);
  const isPlain = value === 0 || (power >= -4 && power < 6);
  if (!isPlain) return `${digits}e${power < 0 ? '-' : '+'}${String(Math.abs(power)).padStart(2, '0')}`;
  return Number.isInteger(value) ? `${value}.0` : String(value);
}
