/** Devices: memory and pressure where browsers tell them, and who runs the model: providers, builds, precision, threads, what was fallen back from. */
import type { SoftwareMetric } from '../../../counts/plans/software-layout.ts';
import { totalOf } from '../../../counts/statistics/summary.ts';
import { counted, whole } from '../charts/figures.ts';
import { drawTimeChart } from '../charts/time-chart.ts';
import { quantileLines, type Section, type SectionData, shareLines } from './section.ts';
import { Figures } from './section-figures.ts';

const MEGABYTE = 1e6;

export const MEMORY: Section = {
  id: 'memory',
  title: 'Memory and pressure',
  why: 'Pages near a device’s limit are ended by the browser without a word; hot processors are slow. Only some browsers tell.',
  draw: (place, data) => {
    const figures = new Figures(place);
    const memory = data.softwareMetric('memory.page');
    if (memory !== null && totalOf(data.software.total(memory)) > 0) {
      const caption = 'Memory of the page and its workers, MB';
      const lines = quantileLines(data.software, memory, [0.5, 0.95], MEGABYTE);
      drawTimeChart(figures.chart('memory', caption), { label: caption, file: data.file('memory'), unit: 'MB', times: data.times, lines });
    }
    drawShares(figures, data, 'pressure.cpu', 'State of the processor while a model is loaded, %');
    return figures.done();
  },
};

const CHOICES: readonly (readonly [SoftwareMetric, string])[] = [
  ['load.provider', 'Execution provider, % of loads'],
  ['load.fallback', 'Left for another, by reason, %'],
  ['load.build', 'Build of the runtime, % of loads'],
  ['load.quantization', 'Precision of the chosen variant, % of loads'],
  ['load.threads', 'WASM threads, % of loads'],
];

export const PROVIDERS: Section = {
  id: 'providers',
  title: 'Providers and fallbacks',
  why: 'Who runs on a GPU and who stopped doing so: a broken driver or another browser shows here before it shows in latency.',
  draw: (place, data) => {
    const figures = new Figures(place);
    for (const [id, caption] of CHOICES) drawShares(figures, data, id, caption);
    return figures.done();
  },
};

/** Lines where there is more than one answer, a sentence where there is one. */
function drawShares(figures: Figures, data: SectionData, id: SoftwareMetric, caption: string): void {
  const metric = data.softwareMetric(id);
  if (metric === null) return;
  const total = data.software.total(metric);
  const met = metric.cells.filter((_, cell) => (total[cell] ?? 0) > 0);
  if (met.length === 0) return;
  if (met.length === 1) {
    figures.text(id, `${metric.title}: ${met[0]} in all ${counted(totalOf(total), 'count')}, of ${whole(metric.cells.length)} possible.`);
    return;
  }
  const lines = shareLines(data.software, metric, metric.cells);
  const content = { label: caption, file: data.file(id), unit: '%', times: data.times, lines };
  drawTimeChart(figures.chart(id, caption), { ...content, range: [0, 100] });
}
