/**
 * Cell labels: what a metric's cells are called beside their chart. Pure.
 *
 * Invariants
 *  - One label for each cell, whatever the manifest says: where a public list does not fit, a cell's own id stands.
 *  - An id is compared with one that is made anew, never taken apart: it holds names that a manifest chose freely.
 */
import { metricId } from '../../../counts/layout/plan.ts';
import type { Manifest } from '../../../protocol/manifest/manifest.ts';
import type { PlacedMetric } from '../../../protocol/report/plan.ts';
import { cellLabel, nameText } from '../charts/figures.ts';

export function cellLabels(metric: PlacedMetric, manifest: Manifest): readonly string[] {
  const { cells, edges, role } = metric;
  if (edges !== null) return cells.map(cellLabel);
  const listed = role === 'class' ? classLabels(metric, manifest) : categoryLabels(metric, manifest);
  return listed !== null && listed.length === cells.length ? listed : cells;
}

/** Labels in order, the last cell for what lies beyond the public list. */
function classLabels({ of }: PlacedMetric, { outputs }: Manifest): readonly string[] | null {
  const labels = outputs.find(({ name }) => of?.tensor === name)?.labels;
  return labels === undefined ? null : [...labels.map(nameText), 'other'];
}

/** Of a tensor of categories, or of a column: missing, each category, other. */
function categoryLabels({ id, of }: PlacedMetric, { inputs, outputs }: Manifest): readonly string[] | null {
  if (of === null) return null;
  const declared = of.side === 'input' ? inputs.find(({ name }) => name === of.tensor) : outputs.find(({ name }) => name === of.tensor);
  if (declared === undefined) return null;
  const columns = 'columns' in declared ? (declared.columns ?? []) : [];
  const column = columns.find(({ name }) => metricId(of, name) === id);
  const categories = column === undefined ? declared.categories : column.kind === 'categorical' ? column.categories : undefined;
  return categories === undefined ? null : ['missing', ...categories.map(nameText), 'other'];
}
