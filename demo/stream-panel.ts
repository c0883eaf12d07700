/**
 * Stream panel: held-out digits, one after the other, with progress, accuracy and speed.
 *
 * Invariants
 *  - One stream at a time; Cancel stops it between two digits and says how far it came.
 *  - Every digit goes through the tilt, as drawings do.
 */
import { byId } from '../site/element.ts';
import { showFailure } from './words/failure.ts';

export interface HeldOut {
  readonly count: number;
  readonly images: Uint8Array;
  readonly labels: string;
}

const PIXELS = 64;

export async function fetchHeldOut(url: string): Promise<HeldOut> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`The held-out digits could not be fetched (HTTP ${response.status}).`);
  const { count, images, labels } = (await response.json()) as { count: number; images: string; labels: string };
  return { count, labels, images: Uint8Array.from(atob(images), (character) => character.charCodeAt(0)) };
}

export function imageOf(heldOut: HeldOut, index: number): Float32Array {
  return Float32Array.from(heldOut.images.subarray(index * PIXELS, (index + 1) * PIXELS));
}

export class StreamPanel {
  private readonly start = byId<HTMLButtonElement>('stream-start');
  private readonly cancel = byId<HTMLButtonElement>('stream-cancel');
  private readonly progress = byId<HTMLProgressElement>('stream-progress');
  private readonly result = byId('stream-result');
  private isCancelled = false;
  private isRunning = false;

  /** @param read The model's answer to one image, after the tilt. */
  constructor(heldOut: () => Promise<HeldOut>, read: (image: Float32Array) => Promise<number>) {
    this.start.addEventListener('click', () => {
      showFailure('stream-alert', null);
      this.run(heldOut, read)
        .catch((error) => showFailure('stream-alert', error))
        .finally(() => this.setRunning(false));
    });
    this.cancel.addEventListener('click', () => {
      this.isCancelled = true;
    });
  }

  setUsable(isUsable: boolean): void {
    this.start.disabled = !isUsable || this.isRunning;
  }

  private setRunning(isRunning: boolean): void {
    this.isRunning = isRunning;
    this.start.disabled = isRunning;
    this.cancel.disabled = !isRunning;
  }

  private async run(heldOut: () => Promise<HeldOut>, read: (image: Float32Array) => Promise<number>): Promise<void> {
    this.setRunning(true);
    this.isCancelled = false;
    const digits = await heldOut();
    const count = Math.min(Number(byId<HTMLSelectElement>('stream-count').value), digits.count);
    this.progress.max = count;
    const startMs = performance.now();
    let rightCount = 0;
    for (let index = 0; index < count; index++) {
      if (this.isCancelled) return this.report('Cancelled', index, rightCount, startMs);
      if ((await read(imageOf(digits, index))) === Number(digits.labels[index])) rightCount++;
      this.progress.value = index + 1;
      if (index % 10 === 9) this.report('Reading', index + 1, rightCount, startMs);
    }
    this.report('Done', count, rightCount, startMs);
  }

  private report(state: string, count: number, rightCount: number, startMs: number): void {
    const perSecond = count / ((performance.now() - startMs) / 1000);
    const accuracy = count === 0 ? '–' : `${((100 * rightCount) / count).toFixed(1)} %`;
    this.result.textContent = `${state}: ${count} digits, ${accuracy} right, ${Number.isFinite(perSecond) ? perSecond.toFixed(0) : '–'} runs/s`;
  }
}
