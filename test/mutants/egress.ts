/**
 * What leaves for inputs that fall into the same cells, and for clocks that show the same hour. Bundled with a leak written
 * into the sources (caught-leaks.ts), so that a leak which no canary can show – a count, an order, a size – shows as a difference.
 *
 * Not here: the same comparison over thousands of random pairs (test/reference).
 */

import { NEW_CELL, planHash } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { createRunCounter } from '../../counts/run/run-counter.ts';
import { DATA_REPORT_RUN_COUNT_MIN } from '../../protocol/limits.ts';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { Feeds } from '../../protocol/tensors/tensors.ts';
import type { LoadedModel } from '../../protocol/worker/loading.ts';
import type { PagePlatform } from '../../sdk/telemetry/page-platform.ts';
import { createTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { collectorAnswer } from '../fixtures/collector-answer.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';

const manifest: Manifest = {
  schema: 1,
  name: 'three-kinds',
  version: '1',
  licence: 'none',
  variants: [],
  inputs: [
    { name: 'image', type: 'float32', dims: ['batch', 1, 8, 8], kind: 'image', range: [0, 16], layout: 'NCHW' },
    { name: 'short', type: 'float32', dims: ['batch', 64], kind: 'numeric' },
    { name: 'long', type: 'float32', dims: ['batch', 4096], kind: 'numeric' },
  ],
  outputs: [
    {
      name: 'scores',
      type: 'float32',
      dims: ['batch', 10],
      kind: 'label-scores',
      normalisation: 'probabilities',
      labels: [...'0123456789'],
    },
  ],
  golden: [],
};
const plan = dataPlanOf(manifest);
const START_MS = Date.UTC(2026, 10, 23, 12, 5);

interface Sample {
  readonly feeds: Feeds;
  readonly outputs: Feeds;
}

/** Two samples of the same cells: the second is mirrored, reordered and moved within its cells. */
const SAMPLES: readonly [Sample, Sample] = [sample(0), sample(1)];

function sample(variant: 0 | 1): Sample {
  const float32 = (dims: number[], valueAt: (index: number) => number) => {
    const length = dims.reduce((product, axis) => product * axis, 1);
    return { type: 'float32', dims, data: Float32Array.from({ length }, (_, index) => valueAt(index)) } as const;
  };
  const pixel = (index: number) => ((index * 5) % 17) * 0.9;
  const mirrored = (index: number) => index - 2 * (index % 8) + 7;
  // The middle of a universal cell is 1/64 of an octave's fraction away from both of its ends.
  const number = (index: number) => 2 ** (index % 7) * (1 + ((index % 32) + (variant === 0 ? 0.3 : 0.6)) / 32);
  const ordered = (length: number) => (index: number) => number(variant === 0 ? index : length - 1 - index);
  const score = (label: number) => (label === 3 ? 0.91 + variant * 1e-4 : 0.01 - (label % 2) * variant * 1e-5);
  return {
    feeds: {
      image: float32([1, 1, 8, 8], (index) => pixel(variant === 0 ? index : mirrored(index))),
      short: float32([1, 64], ordered(64)),
      long: float32([1, 4096], ordered(4096)),
    },
    outputs: { scores: float32([1, 10], score) },
  };
}

/** Requests and lines of the logger, in order. */
async function egressOf({ feeds, outputs }: Sample, nowMs: number): Promise<string[]> {
  const lines: string[] = [];
  const logger = (...entry: unknown[]) => void lines.push(`log ${entry.join(' ')}`);
  const options = { collector: { url: 'https://c.example', key: 'k' }, consent: 'granted', logger } as const;
  const telemetry = createTelemetry(options, { files: telemetryFiles, platform: fixedPlatform(lines, nowMs) });
  const count = createRunCounter(manifest, plan);
  const dataPlan = await planHash(plan);
  const model = { manifest, modelVersion: '0123456789abcdef', dataPlan, dataCellCount: plan.cellCount } as LoadedModel;
  await telemetry.grant();
  const outcome = { segment: 0, queueMs: 0.1, runMs: 1, totalMs: 2 };
  const tell = (cells: Uint32Array) => void telemetry.recorderOf('stable').answered(model, outcome, Promise.resolve(cells));
  tell(count(feeds, outputs));
  // Runs of other inputs, so that the window leaves.
  for (let run = 0; run < DATA_REPORT_RUN_COUNT_MIN; run++) tell(Uint32Array.of(NEW_CELL, 1));
  await telemetry.flush();
  await telemetry.close();
  return lines;
}

function fixedPlatform(lines: string[], nowMs: number): PagePlatform {
  let seed = 1;
  return {
    now: () => nowMs,
    random: (count) =>
      Uint8Array.from({ length: count }, () => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed & 0xff;
      }),
    post: async (url, body) => {
      lines.push(`${url} ${Array.from(body).join()}`);
      return collectorAnswer({ status: 204 }, body);
    },
    privacySignal: () => null,
    rememberOptOut: () => undefined,
    isPrerendering: () => false,
    locks: () => null,
    after: () => () => undefined,
    onLife: () => () => undefined,
  };
}

export interface Differences {
  /** Two inputs of the same cells leave different bytes. */
  readonly inputs: boolean;
  /** Two moments of the same hour leave different bytes. */
  readonly moments: boolean;
  readonly lineCount: number;
}

export async function differences(): Promise<Differences> {
  const [first, second] = [await egressOf(SAMPLES[0], START_MS), await egressOf(SAMPLES[1], START_MS)];
  const later = await egressOf(SAMPLES[0], START_MS + 7 * 60_000 + 1_234);
  return { inputs: first.join('\n') !== second.join('\n'), moments: first.join('\n') !== later.join('\n'), lineCount: first.length };
}
