/**
 * Time left: how long a download will still take, from how fast it has been of late.
 *
 * Invariants
 *  - Null while nothing is known: before the first second of bytes, and while nothing moves.
 *  - What the store had is no throughput.
 */

/** Bytes of this long make one sample. */
const SAMPLE_MS = 500;
/** Weight of a new sample: a change of speed shows after about two seconds. */
const NEW_WEIGHT = 0.3;

export class TimeLeft {
  private sampleStartMs: number | null = null;
  private sampleBytes = 0;
  private lastBytes = 0;
  private bytesPerMs: number | null = null;

  /** @returns Milliseconds, or null. */
  after(nowMs: number, loadedBytes: number, totalBytes: number): number | null {
    const moved = Math.max(0, loadedBytes - this.lastBytes);
    this.lastBytes = loadedBytes;
    if (this.sampleStartMs === null) {
      // The first report counts from nothing, or from what the store had.
      this.sampleStartMs = nowMs;
      return null;
    }
    this.sampleBytes += moved;
    const elapsedMs = nowMs - this.sampleStartMs;
    if (elapsedMs >= SAMPLE_MS) {
      const measured = this.sampleBytes / elapsedMs;
      this.bytesPerMs = this.bytesPerMs === null ? measured : NEW_WEIGHT * measured + (1 - NEW_WEIGHT) * this.bytesPerMs;
      this.sampleStartMs = nowMs;
      this.sampleBytes = 0;
    }
    if (this.bytesPerMs === null || this.bytesPerMs === 0) return null;
    return Math.round((totalBytes - loadedBytes) / this.bytesPerMs);
  }
}
