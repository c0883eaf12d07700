/**
 * Live panel: what came since the page was opened, update by update, so that a move is seen within seconds.
 *
 * Why gains and not totals: a thousand runs of yesterday hide the hundred of this minute.
 *
 * Invariants
 *  - Points keep their cells, so that another metric shows the same updates.
 *  - Runs and updates are counted over all updates; the line shows the last POINT_COUNT_MAX.
 *
 * Not here: how a gain is found (view/view-model.ts), when to ask the collector again (shell.ts).
 */

import { counted, decimal, percent, whole } from '../charts/figures.ts';
import { drawTimeChart } from '../charts/time-chart.ts';
import { type Gain, metricLabel, type View } from '../view/view-model.ts';

/** Points of the live line. One commit a second at most: ten minutes, and as many as a phone's width can tell apart. */
const POINT_COUNT_MAX = 600;

export class LivePanel {
  private readonly text: HTMLElement;
  private readonly chart: HTMLElement;
  private readonly emptyText: string;
  private points: { readonly seconds: number; readonly gain: Gain }[] = [];
  private runCount = 0;
  private updateCount = 0;

  constructor(text: HTMLElement, chart: HTMLElement) {
    this.text = text;
    this.chart = chart;
    this.emptyText = text.textContent;
  }

  /** Another selection: what came before is not its past. */
  clear(): void {
    this.points = [];
    this.runCount = 0;
    this.updateCount = 0;
  }

  add(gain: Gain, nowMs: number): void {
    this.points = [...this.points, { seconds: nowMs / 1000, gain }].slice(-POINT_COUNT_MAX);
    this.runCount += gain.runs;
    this.updateCount++;
  }

  /** @param metricId null when the plan has no metric at all. One without a range has no mean, and so no line. */
  show(view: View, metricId: string | null): void {
    const last = this.points.at(-1);
    const isRange = view.plan.metrics.some(({ id, edges }) => id === metricId && edges !== null);
    this.chart.hidden = last === undefined || !isRange;
    const text = last === undefined ? this.emptyText : this.sentence(view, metricId, last.gain);
    // A status that is written again is read out again.
    if (this.text.textContent !== text) this.text.textContent = text;
    if (last === undefined || metricId === null || !isRange) return;
    const { metric, baseMean } = view.distribution(metricId);
    const lines = [{ label: metricLabel(metric), values: this.points.map(({ gain }) => view.meanOfGain(metricId, gain)) }];
    if (baseMean !== null) lines.push({ label: 'baseline', values: this.points.map(() => baseMean) });
    drawTimeChart(this.chart, { times: this.points.map(({ seconds }) => seconds), lines });
  }

  private sentence(view: View, metricId: string | null, last: Gain): string {
    const parts = [counted(last.runs, 'run')];
    if (metricId !== null) {
      const { metric, baseMean } = view.distribution(metricId);
      if (metric.edges !== null)
        parts.push(`mean ${metricLabel(metric)} ${decimal(view.meanOfGain(metricId, last))} (baseline ${decimal(baseMean)})`);
    }
    const top = view.topClassOfGain(last);
    if (top !== null) parts.push(`most often “${top.label}”, ${percent(top.ratio)} (baseline ${percent(top.baseRatio)})`);
    return `${whole(this.runCount)} runs in ${counted(this.updateCount, 'update')}. The last: ${parts.join(', ')}.`;
  }
}
