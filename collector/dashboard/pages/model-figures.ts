/**
 * Model figures: what a view says, written into the places of index.html. Each writes its place anew.
 *
 * Not here: what is selected (model-page.ts, controls.ts), the live line (live-panel.ts).
 */
import { byId, element, table } from '../../../site/element.ts';
import { showDistribution } from '../charts/distribution.ts';
import { decimal, whole } from '../charts/figures.ts';
import { drawTimeChart } from '../charts/time-chart.ts';
import { metricLabel, type View } from '../view/view-model.ts';

/** @param metricId Of the distribution and the mean by hour; null when the plan has no metric at all. */
export function showFigures(view: View, metricId: string | null): void {
  showTiles(view);
  showClasses(view);
  showMetric(view, metricId);
  showHours(view, metricId);
  showPhases(view);
  showErrors(view);
}

function showTiles(view: View): void {
  byId('tiles').replaceChildren(
    ...view.tiles().map(({ id, title, value, detail }) => {
      const words = [element('dt', {}, title), element('dd', {}, value), element('dd', { class: 'detail' }, detail)];
      return element('div', { class: 'tile', id: `tile-${id}` }, ...words);
    }),
  );
}

function showClasses(view: View): void {
  const metric = view.classMetric;
  byId('classes').hidden = metric === null;
  if (metric === null) return;
  const { field, base } = view.distribution(metric.id);
  showDistribution(byId('class-chart'), { labels: view.labelsOf(metric), field, base, edges: metric.edges });
}

function showMetric(view: View, metricId: string | null): void {
  const title = byId('metric-why');
  if (metricId === null) {
    title.textContent = 'Nothing is counted of this model’s inputs and outputs.';
    for (const id of ['metric-chart', 'metric-distance']) byId(id).replaceChildren();
    return;
  }
  const { metric, field, base, mean, baseMean, psi, js } = view.distribution(metricId);
  title.textContent = `${metric.title}. ${metric.why}`;
  showDistribution(byId('metric-chart'), { labels: view.labelsOf(metric), field, base, edges: metric.edges });
  const ofBase = base === null ? '' : `, baseline ${decimal(baseMean)}`;
  const means = metric.edges === null ? '' : `Mean ${decimal(mean)}${ofBase}. `;
  byId('metric-distance').textContent =
    base === null
      ? `${means}There is no baseline to compare with.`
      : `${means}From the baseline: PSI ${decimal(psi)}, Jensen-Shannon ${decimal(js)}. These describe a distance; they are no verdict.`;
}

function showHours(view: View, metricId: string | null): void {
  const points = view.hours(metricId);
  const times = points.map(({ hour }) => hour * 3600);
  const draw = (id: string, ...lines: { label: string; values: (number | null)[] }[]) => drawTimeChart(byId(id), { times, lines });
  draw('plot-runs', { label: 'runs', values: points.map(({ runs }) => runs) });
  draw(
    'plot-latency',
    { label: 'p50', values: points.map(({ p50Ms }) => p50Ms) },
    { label: 'p95', values: points.map(({ p95Ms }) => p95Ms) },
  );
  const usable = points.map(({ usableRatio }) => (usableRatio === null ? null : usableRatio * 100));
  drawTimeChart(byId('plot-outputs'), { times, lines: [{ label: 'usable', values: usable }], range: [0, 100] });
  const metric = view.plan.metrics.find(({ id }) => id === metricId);
  const hasMean = metric !== undefined && metric.edges !== null;
  byId('mean-figure').hidden = !hasMean;
  if (!hasMean) return;
  byId('plot-mean-title').textContent = `Mean of ${metricLabel(metric)}`;
  draw('plot-mean', { label: 'mean', values: points.map(({ mean }) => mean) });
}

function showPhases(view: View): void {
  const rows = view.phases.map(({ what, loads, p50, p95 }) => [what, whole(loads), p50, p95]);
  byId('phases').replaceChildren(rows.length === 0 ? 'No load yet.' : table(['phase', 'loads', 'p50', 'p95'], rows));
}

function showErrors(view: View): void {
  const rows = view.errorRows.map(({ what, count }) => [what, whole(count)]);
  byId('errors').replaceChildren(rows.length === 0 ? 'None.' : table(['what', 'count'], rows));
}
