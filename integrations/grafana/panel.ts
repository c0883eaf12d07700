/**
 * Panels of the Grafana dashboards, and how a page of them is laid out: two in a row.
 *
 * Not here: what each asks (dashboards.ts).
 */
import type { Dashboard, DataSourceRef, FieldConfig, Panel, VariableModel } from '@grafana/schema';
import { DashboardCursorSync, VariableRefresh, VariableSort } from '@grafana/schema';

const WIDTH = 12;
const HEIGHT = 8;
/** Of Grafana's JSON model, as of Grafana 10. */
const SCHEMA_VERSION = 38;

export const DATASOURCE: DataSourceRef = { type: 'prometheus', uid: '$datasource' };

export interface Query {
  readonly expr: string;
  /** Labels in double braces. */
  readonly legend: string;
}

export interface PanelSource {
  readonly title: string;
  /** What it answers, for the small letter i. */
  readonly description: string;
  /** One of Grafana's units. */
  readonly unit: NonNullable<FieldConfig['unit']>;
  readonly queries: readonly Query[];
  readonly isStacked?: true;
  readonly max?: number;
}

function panelOf({ title, description, unit, queries, isStacked, max }: PanelSource, index: number): Panel {
  const stacking = { mode: isStacked ? 'normal' : 'none', group: 'A' };
  return {
    ...{ id: index + 1, type: 'timeseries', title, description, datasource: DATASOURCE },
    gridPos: { h: HEIGHT, w: WIDTH, x: (index % 2) * WIDTH, y: Math.floor(index / 2) * HEIGHT },
    fieldConfig: {
      defaults: {
        unit,
        min: 0,
        ...(max === undefined ? {} : { max }),
        custom: { fillOpacity: isStacked ? 30 : 0, showPoints: 'auto', stacking },
      },
      overrides: [],
    },
    options: { legend: { displayMode: 'list', placement: 'bottom' }, tooltip: { mode: 'multi', sort: 'desc' } },
    targets: queries.map(({ expr, legend }, at) => ({
      refId: String.fromCharCode(65 + at),
      expr,
      legendFormat: legend,
      datasource: DATASOURCE,
    })),
  };
}

/** A variable whose values are those of a label. */
export function labelVariable(name: string, label: string, query: string): VariableModel {
  return {
    ...{ name, label, type: 'query', datasource: DATASOURCE, query, definition: query },
    ...{ refresh: VariableRefresh.onTimeRangeChanged, sort: VariableSort.alphabeticalAsc, includeAll: true, multi: true, allValue: '.*' },
    current: { text: ['All'], value: ['$__all'] },
  } as VariableModel;
}

export function dashboardOf(
  { uid, title, description }: { readonly uid: string; readonly title: string; readonly description: string },
  variables: readonly VariableModel[],
  panels: readonly PanelSource[],
): Dashboard {
  return {
    ...{ uid, title, description, tags: ['insitu'], schemaVersion: SCHEMA_VERSION, editable: true, timezone: 'browser', id: null },
    ...{ time: { from: 'now-24h', to: 'now' }, refresh: '1m', graphTooltip: DashboardCursorSync.Crosshair },
    templating: { list: [{ name: 'datasource', label: 'Prometheus', type: 'datasource', query: 'prometheus' }, ...variables] },
    panels: panels.map(panelOf),
  };
}
