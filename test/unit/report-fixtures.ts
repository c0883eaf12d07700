/**
 * Reports for tests of the collector: a small manifest, its plan, and windows over it.
 */
import { createHash } from 'node:crypto';
import { dataPlanOf } from '../../counts/data-plan.ts';
import { planHash } from '../../counts/plan.ts';
import { SOFTWARE_PLAN } from '../../counts/software-plan.ts';
import { checkManifest } from '../../protocol/manifest.ts';
import { encodeBody, encodeWindow, HOUR_MS, type Window } from '../../protocol/report.ts';

const SHA256 = 'a'.repeat(64);

/** A model with one image input and one label-scores output; `name` makes another version of it. */
export function manifestText(name = 'fixture'): string {
  return JSON.stringify({
    schema: 1,
    name,
    version: '1.0.0',
    licence: 'Apache-2.0',
    variants: [
      {
        ...{ id: 'fp32', quantization: 'fp32', file: 'model.onnx', bytes: 8, sha256: SHA256, tolerance: 0 },
        ...{ chunks: [{ sha256: SHA256, bytes: 8 }], providers: ['wasm'] },
      },
    ],
    inputs: [{ name: 'x', type: 'float32', dims: ['batch', 1, 8, 8], kind: 'image', layout: 'NCHW', range: [0, 1] }],
    outputs: [{ name: 'y', type: 'float32', dims: ['batch', 3], kind: 'label-scores', labels: ['a', 'b', 'c'] }],
    golden: [],
  });
}

const checked = checkManifest(JSON.parse(manifestText()));
if (!checked.ok) throw new Error(checked.reason);

export const MODEL_VERSION = versionOf(manifestText());
export const DATA_PLAN = dataPlanOf(checked.manifest);
export const DATA_PLAN_HASH = await planHash(DATA_PLAN, sha256);
export const SOFTWARE_PLAN_HASH = await planHash(SOFTWARE_PLAN, sha256);
/** A Tuesday in 2026; tests hand it in as the clock. */
export const NOW_MS = Date.UTC(2026, 2, 10, 12, 30);
export const NOW_HOUR = Math.floor(NOW_MS / HOUR_MS);

export function versionOf(manifest: string): string {
  return createHash('sha256').update(manifest).digest('hex').slice(0, 16);
}

let idNumber = 0;

/** 32 hex digits that no other call of this process returned. */
export function nextId(): string {
  return (++idNumber).toString(16).padStart(32, '0');
}

/** Where the states begin, behind the two cells of repetition. */
export const PRESENT_CELL = 2;

/** Eight runs, one item each: every state is the first one ("present", "ok"). */
export function dataWindow(changes: Partial<Window> = {}): Window {
  const header = { report: 'data', id: nextId(), plan: DATA_PLAN_HASH, hour: NOW_HOUR, arm: 'stable', segment: 0, runs: 8 } as const;
  return { ...header, cells: Uint32Array.of(PRESENT_CELL, 8), counts: Uint32Array.of(8, 8), ...changes };
}

/** One failed load. */
export function softwareWindow(changes: Partial<Window> = {}): Window {
  const header = {
    report: 'software',
    id: nextId(),
    plan: SOFTWARE_PLAN_HASH,
    hour: NOW_HOUR,
    arm: 'stable',
    segment: 0,
    runs: 0,
  } as const;
  return { ...header, cells: Uint32Array.of(2), counts: Uint32Array.of(1), ...changes };
}

export function bodyOf(windows: readonly Window[], modelVersion = MODEL_VERSION): Uint8Array<ArrayBuffer> {
  return encodeBody(modelVersion, windows.map(encodeWindow));
}

function sha256(text: string): Promise<ArrayBuffer> {
  return crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
}
