/**
 * Dashboards and alert rules for other systems: the committed JSON is what its source makes, and every metric in them is exported under that
 * name, with the labels that they ask for.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EVERY_KIND } from '../../../cli/commands/every-kind.ts';
import { OwnLoad } from '../../../collector/exports/own-load.ts';
import { pageFamilies } from '../../../collector/exports/page-families.ts';
import { exportedAs } from '../../../collector/exports/page-metrics.ts';
import { dataPlanOf } from '../../../counts/plans/data-plan.ts';
import { SOFTWARE_PLAN } from '../../../counts/plans/software-plan.ts';
import { DASHBOARDS } from '../../../integrations/grafana/dashboards.ts';
import { familyText, type Sample, samplesOf } from '../../fixtures/exposition-text.ts';

const textOf = (file: string) => readFileSync(new URL(`../../../integrations/${file}`, import.meta.url), 'utf8');

/** Everything that a collector ever exports. */
async function exported(): Promise<Sample[]> {
  const registration = {
    modelVersion: '1'.repeat(16),
    plan: 'data',
    name: 'm',
    version: '1',
    manifestJson: '',
    baseline: null,
    registeredAtMs: 0,
  };
  const plans = { software: SOFTWARE_PLAN, data: dataPlanOf(EVERY_KIND) };
  const sums = (['software', 'data'] as const).map((plan) => {
    return { modelVersion: registration.modelVersion, plan, arm: 'stable', reports: 1, runs: 1, counts: new Map() } as const;
  });
  const load = new OwnLoad('1.0.0', 0);
  for (const status of [204, 503]) load.answered('POST', '/v1/report/:writeKey', status);
  const lane = { windowCount: 0, cellCount: 0 };
  const facts = {
    ...{ waiting: { light: lane, heavy: lane }, disk: { storeBytes: 1, freeBytes: 1 }, modelCount: 1, listenerCount: 0 },
    refusedCounts: new Map([['full', 1]]),
  };
  const families = [
    ...(await pageFamilies(sums, { models: [{ registration }], planOf: (_, hash) => plans[hash as keyof typeof plans] })),
    ...load.families(facts),
  ];
  return samplesOf(families.map((family) => familyText(family, 'classic')).join(''));
}

const samples = await exported();
const labelsOf = new Map<string, Set<string>>();
for (const { name, labels } of samples) labelsOf.set(name, new Set([...(labelsOf.get(name) ?? []), ...Object.keys(labels)]));

/** Metrics of an expression, each with the conditions on its labels. */
function metricsIn(expr: string): { name: string; conditions: readonly (readonly [label: string, operator: string, value: string])[] }[] {
  const plain = expr.replaceAll('[$__rate_interval]', '');
  return [...plain.matchAll(/\b((?:insitu|process)_[a-z_]+)(?:\{([^}]*)\})?/g)].map(([, name = '', inside = '']) => ({
    name,
    conditions: [...inside.matchAll(/(\w+)(=~|!~|!=|=)"([^"]*)"/g)].map(
      ([, label = '', operator = '', value = '']) => [label, operator, value] as const,
    ),
  }));
}

/** Labels that Prometheus adds to every series. */
const ADDED = ['job', 'instance'];

function faultsOf(expr: string): string[] {
  return metricsIn(expr).flatMap(({ name, conditions }) => {
    const labels = labelsOf.get(name);
    if (labels === undefined) return [`${name} is not exported`];
    return conditions.flatMap(([label, operator, value]) => {
      if (ADDED.includes(label)) return [];
      if (!labels.has(label)) return [`${name} has no label ${label}`];
      const isThere = samples.some((sample) => sample.name === name && new RegExp(`^(${value})$`).test(sample.labels[label] ?? ''));
      return operator.includes('~') && value.startsWith('$') ? [] : isThere ? [] : [`${name} has no ${label} "${value}"`];
    });
  });
}

const expressions = Object.values(DASHBOARDS).flatMap(({ panels = [], templating }) => [
  ...panels.flatMap((panel) => ('targets' in panel ? (panel.targets ?? []).map(({ expr }) => String(expr)) : [])),
  ...(templating?.list ?? []).flatMap(({ query, type }) => (type === 'query' ? [String(query)] : [])),
]);

test('the committed dashboards are what node scripts/grafana.mjs writes', () => {
  const committed = readdirSync(new URL('../../../integrations/grafana/', import.meta.url)).filter((name) => name.endsWith('.json'));
  expect(committed.sort()).toEqual(Object.keys(DASHBOARDS).sort());
  for (const [name, dashboard] of Object.entries(DASHBOARDS))
    expect(textOf(`grafana/${name}`)).toBe(`${JSON.stringify(dashboard, null, 2)}\n`);
});

test('each metric of the dashboards, with its labels and their values, is exported', () => {
  expect(expressions.length).toBeGreaterThan(30);
  expect(expressions.flatMap(faultsOf)).toEqual([]);
});

test('each metric of the alert rules, with its labels and their values, is exported', () => {
  const rules = textOf('prometheus/insitu.rules.yml');
  expect(metricsIn(rules).length).toBeGreaterThan(20);
  expect(faultsOf(rules)).toEqual([]);
});

test('a metric, label or value that is not exported is found', () => {
  expect(faultsOf('rate(insitu_walks_total[5m]) / insitu_runs_total{mood="good"} + insitu_loads_total{outcome="hot"}')).toEqual([
    'insitu_walks_total is not exported',
    'insitu_runs_total has no label mood',
    'insitu_loads_total has no outcome "hot"',
  ]);
});

test('every family of pages that has a name of its own is on a dashboard', () => {
  const shown = new Set(expressions.flatMap(metricsIn).map(({ name }) => name.replace(/_(bucket|count|total)$/, '')));
  const families = new Set(
    [...labelsOf].filter(([, labels]) => labels.has('model')).map(([name]) => name.replace(/_(bucket|count|total)$/, '')),
  );
  // The choice of a load, which the panel of providers stands for.
  const left = ['insitu_load_builds', 'insitu_load_quantizations', 'insitu_load_threads', 'insitu_load_storage'];
  // By its id, with the words of the plan: whoever adds a metric need not draw it.
  const isById = (name: string) =>
    SOFTWARE_PLAN.metrics.some((metric) => exportedAs(metric)?.name === name && exportedAs(metric)?.help === `${metric.title}.`);
  expect([...families].filter((name) => !shown.has(name) && !isById(name)).sort()).toEqual(left.sort());
});
