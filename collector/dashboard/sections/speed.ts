/** Speed: how long a person waits for an answer, where the time goes, and how many answers are given. */
import { totalOf } from '../../../counts/statistics/summary.ts';
import { drawHeatMap } from '../charts/heat-map.ts';
import { heatRows, rowSums } from '../charts/heat-rows.ts';
import { drawTimeChart } from '../charts/time-chart.ts';
import { quantileLines, type Section, type SectionData } from './section.ts';
import { Figures } from './section-figures.ts';

const PARTS = [
  ['run.queue', 'waiting in the worker'],
  ['run.runtime', 'inside the runtime'],
] as const;

export const SPEED: Section = {
  id: 'speed',
  title: 'Latency and throughput',
  why: 'From the call of run to its answer; the first run of a session is apart, as it warms up.',
  draw: (place, data) => {
    const figures = new Figures(place);
    drawThroughput(figures, data);
    drawQuantiles(figures, data, 'run.latency', 'Latency of steady runs, ms');
    drawParts(figures, data);
    drawQuantiles(figures, data, 'run.first.latency', 'Latency of the first run of a session, ms');
    drawLatencyMap(figures, data);
    return figures.done();
  },
};

function drawThroughput(figures: Figures, data: SectionData): void {
  const metric = data.softwareMetric('run.outcome');
  if (metric === null || totalOf(data.software.total(metric)) === 0) return;
  const perSlot = data.software.perSlot(metric, totalOf);
  const values = perSlot.map((runs, slot) => {
    const seconds = data.secondsOf(slot);
    return runs === null || seconds === null ? null : runs / seconds;
  });
  const line = { label: 'runs per second', values };
  drawTimeChart(figures.chart('throughput', 'Runs per second, of pages that report'), {
    ...{ label: 'Runs per second', file: data.file('runs-per-second'), times: data.times, lines: [line] },
  });
}

function drawQuantiles(figures: Figures, data: SectionData, id: 'run.latency' | 'run.first.latency', caption: string): void {
  const metric = data.softwareMetric(id);
  if (metric === null || totalOf(data.software.total(metric)) === 0) return;
  const lines = quantileLines(data.software, metric, [0.5, 0.95, 0.99]);
  drawTimeChart(figures.chart(id, caption), { label: caption, file: data.file(id), unit: 'ms', times: data.times, lines });
}

function drawParts(figures: Figures, data: SectionData): void {
  const lines = PARTS.flatMap(([id, label]) => {
    const metric = data.softwareMetric(id);
    if (metric === null || totalOf(data.software.total(metric)) === 0) return [];
    return quantileLines(data.software, metric, [0.95]).map(({ values }) => ({ label: `p95 ${label}`, values }));
  });
  if (lines.length === 0) return;
  const caption = 'Where the time goes, p95, ms';
  drawTimeChart(figures.chart('parts', caption), {
    label: caption,
    file: data.file('latency-parts'),
    unit: 'ms',
    times: data.times,
    lines,
  });
}

function drawLatencyMap(figures: Figures, data: SectionData): void {
  const metric = data.softwareMetric('run.latency');
  if (metric === null) return;
  const total = data.software.total(metric);
  if (totalOf(total) === 0) return;
  const rows = heatRows({ labels: data.labelsOf(metric), edges: metric.edges }, total);
  const slots = data.software
    .rowSums(metric, rows)
    .map((sums, slot) => ({ fromMs: data.slotStartMs(slot), toMs: data.slotStartMs(slot + 1), sums }));
  const beside = [{ name: 'whole time', sums: rowSums(rows, total) }];
  const content = { label: 'latency of steady runs, ms', file: data.file('latency-distribution'), rows, columns: { slots }, beside };
  drawHeatMap(figures.chart('map', 'Latency of steady runs, ms, as shares'), content);
}
