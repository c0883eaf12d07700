/** What may be asked at the level `local-dp`, how it is answered, and what the sums give back. */
import { describe, expect, test } from 'vitest';
import { edgedCells, UNIT_EDGES, UNIT_EDGES_FINE_AT_ONE } from '../../../counts/layout/edges.ts';
import { placeMetrics } from '../../../counts/layout/plan.ts';
import { universalCells } from '../../../counts/layout/universal.ts';
import { answerOf } from '../../../counts/noise/answer.ts';
import { ByteChance } from '../../../counts/noise/chance.ts';
import { estimateOf } from '../../../counts/noise/estimate.ts';
import { expOf } from '../../../counts/noise/exponential.ts';
import { type Feature, type LocalDpPlan, localDpPlanHash, localDpPlanOf } from '../../../counts/noise/local-dp-plan.ts';
import { LOCAL_DP_FEATURE_COUNT_MAX, LOCAL_DP_MICRO_EPSILON_MAX, LOCAL_DP_ORDERED_CELL_COUNT } from '../../../protocol/limits.ts';
import type { Metric, Plan } from '../../../protocol/report/plan.ts';
import { seededSource } from '../../noise/seeded-source.ts';

const words = { title: 'A metric', unit: 'items', why: 'A question.', per: 'item', of: null, role: null } as const;
const x = { side: 'input', tensor: 'x' } as const;
const y = { side: 'output', tensor: 'y' } as const;
const named = (id: string, cells: readonly string[], fields: Partial<Metric> = {}): Metric => ({
  id,
  ...words,
  cells,
  edges: null,
  ...fields,
});
const edged = (id: string, edges: readonly number[], of: Metric['of'] = null): Metric => ({ id, ...words, of, ...edgedCells(edges) });
const classes = (count: number) => Array.from({ length: count }, (_, index) => `class:${index}`);

const DATA: Plan = placeMetrics('data', [
  named('run.repeat', ['new', 'repeat']),
  named('input.x.state', ['present', 'missing'], { of: x }),
  named('output.y.class', [...classes(10), 'other'], { of: y }),
  edged('output.y.score', UNIT_EDGES_FINE_AT_ONE, y),
]);
const planOf = (data: Plan, microEps?: number) => localDpPlanOf(data, microEps) as LocalDpPlan;
const featureOf = (plan: LocalDpPlan, metric: string) => plan.features.find((feature) => feature.metric === metric) as Feature;

describe('the plan', () => {
  test('asks outputs first, then inputs, then the rest, and never feedback', () => {
    const data = placeMetrics('data', [...DATA.metrics, named('feedback.outcome', ['accepted', 'redone'], { per: 'event' })]);
    expect(planOf(data).features.map(({ metric }) => metric)).toEqual(['output.y.class', 'output.y.score', 'input.x.state', 'run.repeat']);
  });

  test(`asks ${LOCAL_DP_FEATURE_COUNT_MAX} metrics at the most`, () => {
    const many = Array.from({ length: LOCAL_DP_FEATURE_COUNT_MAX + 1 }, (_, index) => named(`input.x${index}.state`, ['present']));
    expect(planOf(placeMetrics('data', many)).features).toHaveLength(LOCAL_DP_FEATURE_COUNT_MAX);
  });

  test('has a null cell first, and every cell of a metric in exactly one of its others', () => {
    const plan = planOf(DATA);
    for (const { metric, groups, offset, cellCount } of plan.features) {
      const source = DATA.metrics.find(({ id }) => id === metric) as Metric;
      expect(plan.metrics.find((placed) => placed.offset === offset)?.cells[0]).toBe('null');
      expect(groups).toHaveLength(source.cells.length);
      expect([...new Set(groups)].sort((a, b) => a - b)).toEqual(Array.from({ length: cellCount - 1 }, (_, cell) => cell + 1));
    }
  });

  test('unites neighbouring ranges only, and keeps nan and both open ends', () => {
    const plan = planOf(DATA);
    const { groups, cellCount, offset } = featureOf(plan, 'output.y.score');
    const source = edgedCells(UNIT_EDGES_FINE_AT_ONE);
    expect(cellCount).toBe(LOCAL_DP_ORDERED_CELL_COUNT);
    expect([...groups].sort((a, b) => a - b)).toEqual(groups);
    for (const kept of ['nan', 'under', 'over'])
      expect(groups.filter((group) => group === groups[source.cells.indexOf(kept)])).toHaveLength(1);
    const coarse = plan.metrics.find((metric) => metric.offset === offset) as Metric;
    expect(coarse.edges?.values.every((edge) => UNIT_EDGES_FINE_AT_ONE.includes(edge))).toBe(true);
    expect(coarse.cells[coarse.edges?.firstCell ?? 0]).toMatch(/^0\.\./);
  });

  test('leaves out universal cells and lists that are too long, and is null when nothing is left', () => {
    const data = placeMetrics('data', [{ id: 'input.x.values', ...words, ...universalCells() }, named('output.y.class', classes(64))]);
    expect(localDpPlanOf(data)).toBeNull();
  });

  test('answers few cells by randomised response and many by unary encoding, from 3e^ε + 2 cells on', () => {
    // 3e + 2 = 10.15…
    const data = placeMetrics('data', [named('output.y.class', classes(9)), named('output.z.class', classes(10))]);
    expect(planOf(data).features.map(({ mechanism }) => mechanism)).toEqual(['response', 'unary']);
    expect(planOf(DATA, 2_000_000).features.map(({ mechanism }) => mechanism)).toEqual(['response', 'response', 'response', 'response']);
  });

  test('states the variance of its noise: 3.68 for unary encoding at ε = 1', () => {
    expect(featureOf(planOf(DATA), 'output.y.score').microVariance).toBe(Math.floor((4e6 * Math.E) / (Math.E - 1) ** 2));
    expect(Number(expOf(1_000_000)) / 1e18).toBeCloseTo(Math.E, 14);
  });

  test('refuses an ε that is nothing, fractional, or above the ceiling', () => {
    for (const microEps of [0, -1, 0.5, LOCAL_DP_MICRO_EPSILON_MAX + 1, Number.NaN])
      expect(() => localDpPlanOf(DATA, microEps)).toThrow(RangeError);
  });

  test('has another hash for another ε, another metric or another union', async () => {
    const shorter = placeMetrics('data', DATA.metrics.slice(0, 3));
    const finer = placeMetrics('data', [...DATA.metrics.slice(0, 3), edged('output.y.score', UNIT_EDGES)]);
    const plans = [planOf(DATA), planOf(DATA, 500_000), planOf(shorter), planOf(finer)];
    const hashes = await Promise.all(plans.map((plan) => localDpPlanHash(plan)));
    expect(new Set(hashes).size).toBe(plans.length);
    expect(await localDpPlanHash(planOf(DATA))).toBe(hashes[0]);
  });
});

describe('an answer', () => {
  const plan = planOf(DATA);
  const classOffset = (DATA.metrics.find(({ id }) => id === 'output.y.class') as Plan['metrics'][number]).offset;

  /** Bits of each cell over many answers, less the noise. */
  function averageOf(metric: string, cells: Uint32Array | null): number[] {
    const feature = featureOf(plan, metric);
    const sums = new Float64Array(plan.cellCount);
    const chance = new ByteChance(seededSource(7));
    for (let index = 0; index < 20_000; index++) {
      answerOf(feature, plan.microEps, chance, cells).forEach((bit, cell) => {
        sums[feature.offset + cell] = (sums[feature.offset + cell] as number) + Number(bit);
      });
    }
    sums[plan.features.indexOf(feature)] = 20_000;
    const estimate = estimateOf(plan, sums)[plan.features.indexOf(feature)];
    return estimate?.cells.map(({ count }) => Math.round(count / 2_000) / 10) ?? [];
  }

  test('to a run is about one of its items, each as likely as the next, and about no other metric', () => {
    // Three items of class 2, one of class 5, and cells of other metrics.
    const cells = Uint32Array.from([0, 1, 2, 4, classOffset + 2, 30_000, classOffset + 5, 10_000, classOffset + 20, 9]);
    const average = averageOf('output.y.class', cells);
    expect(average[3]).toBeCloseTo(0.8, 0);
    expect(average[6]).toBeCloseTo(0.3, 0);
    expect(average.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 0);
  });

  test('to nothing, or to a run that did not meet the metric, is the null cell', () => {
    expect(averageOf('output.y.class', null)[0]).toBe(1);
    expect(averageOf('output.y.class', Uint32Array.from([0, 1]))[0]).toBe(1);
  });

  test('draws the same random numbers whatever the run was', () => {
    const [feature] = plan.features as [Feature];
    const drawnBy = (cells: Uint32Array | null) => {
      const source = seededSource(3);
      const chance = new ByteChance(source);
      return answerOf(feature, plan.microEps, chance, cells).length === feature.cellCount ? chance.below(1n << 30n) : null;
    };
    // One item: no choice among items is needed.
    expect(drawnBy(Uint32Array.from([classOffset, 1]))).toBe(drawnBy(null));
    expect(drawnBy(Uint32Array.from([classOffset + 9, 1]))).toBe(drawnBy(null));
  });
});

test('10,000 reports of a known population give it back within the variance that the estimate states', () => {
  const plan = planOf(DATA);
  const chance = new ByteChance(seededSource(11));
  const sums = new Float64Array(plan.cellCount);
  const truth = plan.features.map(({ cellCount }) => new Float64Array(cellCount));
  const bump = (counts: Float64Array, index: number) => {
    counts[index] = (counts[index] as number) + 1;
  };
  for (let report = 0; report < 10_000; report++) {
    const asked = Number(chance.below(BigInt(plan.features.length)));
    const feature = plan.features[asked] as Feature;
    // A skewed population: half in the first cell of each metric, a fifth with nothing, the rest anywhere.
    const kind = Number(chance.below(10n));
    const position = kind < 5 ? 0 : Number(chance.below(BigInt(feature.groups.length)));
    const isNull = kind >= 8;
    bump(truth[asked] as Float64Array, isNull ? 0 : (feature.groups[position] as number));
    bump(sums, asked);
    const cells = isNull ? null : Uint32Array.from([feature.sourceOffset + position, 1]);
    answerOf(feature, plan.microEps, chance, cells).forEach((bit, cell) => {
      if (bit) bump(sums, feature.offset + cell);
    });
  }
  const errors = estimateOf(plan, sums).flatMap(({ cells }, index) =>
    cells.map(({ count, variance }, cell) => (count - (truth[index]?.[cell] as number)) / Math.sqrt(variance)),
  );
  const meanSquare = errors.reduce((sum, error) => sum + error * error, 0) / errors.length;
  expect(Math.max(...errors.map(Math.abs))).toBeLessThan(4);
  expect(meanSquare).toBeGreaterThan(0.5);
  expect(meanSquare).toBeLessThan(1.6);
});
