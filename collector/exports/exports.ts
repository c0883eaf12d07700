/**
 * Exports: the families that other systems read, made anew at most once in EXPORT_INTERVAL_MS for all of them together.
 *
 * Why one snapshot: a scrape of every model is some ten megabytes of text. Strangers may ask for it as often as they like; they get what
 * was made for the last one.
 *
 * Invariants
 *  - Making it waits its turn among the reads of the store, and gives the event loop back between families.
 *  - A failed read fails those who asked, and is tried again by the next.
 *  - The sums are those that every reader is shown (collector/views/series.ts).
 *
 * Not here: who asks (collector/http/export-routes.ts, otlp-push.ts).
 */
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { EXPORT_INTERVAL_MS, EXPORT_READ_MS_MAX } from '../../protocol/read/export-limits.ts';
import type { Waiting } from '../intake/group-commit.ts';
import type { Registry } from '../models/registry.ts';
import type { CellRange, LifetimeSum, Store } from '../store/store.ts';
import { endText, familyPieces, type TextFormat } from './exposition.ts';
import type { MetricFamily } from './family.ts';
import { LifetimeSums } from './lifetime-sums.ts';
import type { Disk, OwnLoad } from './own-load.ts';
import { exportedCells, pageFamilies } from './page-families.ts';

interface ExportsOptions {
  readonly store: Pick<Store, 'lifetimes'>;
  readonly registry: Pick<Registry, 'models' | 'planOf' | 'plansOf' | 'softwarePlans'>;
  readonly load: OwnLoad;
  readonly refusals: { readonly counts: ReadonlyMap<string, number> };
  readonly group: { readonly waiting: Waiting };
  readonly live: { readonly listenerCount: number };
  /** null: the store is on no disk that is known here. */
  readonly disk: (() => Promise<Disk>) | null;
  readonly shownReportsMin: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Milliseconds by the monotonic clock. */
  readonly elapsedMs: () => number;
}

const zipped = promisify(gzip);
const NO_DISK: Disk = { storeBytes: null, freeBytes: null };

export interface Snapshot {
  readonly families: readonly MetricFamily[];
  /** Milliseconds since 1970. */
  readonly madeAtMs: number;
}

export class Exports {
  private readonly options: ExportsOptions;
  private readonly lifetimes: LifetimeSums;
  /** Something was counted since the sums were read. */
  private isStale = true;
  private sums: readonly LifetimeSum[] = [];
  private readMs = -Infinity;
  private snapshot: { readonly made: Snapshot; readonly atMs: number; readonly texts: Map<string, Promise<Buffer>> } | null = null;

  constructor(options: ExportsOptions) {
    this.options = options;
    this.lifetimes = new LifetimeSums({ ...options, reportCountMin: options.shownReportsMin });
  }

  /** Told of every commit. */
  counted(): void {
    this.isStale = true;
  }

  /** One caller at a time: those who ask together share a turn of the read queue. */
  async read(): Promise<Snapshot> {
    return (await this.current()).made;
  }

  async text(format: TextFormat, isZipped: boolean): Promise<Buffer> {
    const { made, texts } = await this.current();
    const plain = texts.get(format) ?? textOf(made, format);
    texts.set(format, plain);
    if (!isZipped) return plain;
    const key = `${format} gzip`;
    const text = texts.get(key) ?? plain.then((bytes) => zipped(bytes));
    texts.set(key, text);
    return text;
  }

  private async current() {
    const { registry, load, refusals, group, live, disk, now, elapsedMs } = this.options;
    const nowMs = elapsedMs();
    if (this.snapshot !== null && nowMs - this.snapshot.atMs < EXPORT_INTERVAL_MS) return this.snapshot;
    const { waiting } = group;
    const facts = {
      ...{ waiting, disk: (await disk?.()) ?? NO_DISK, modelCount: registry.models.length, listenerCount: live.listenerCount },
      refusedCounts: refusals.counts,
    };
    await this.readSums(nowMs);
    const families = [...(await pageFamilies(this.sums, registry)), ...load.families(facts)];
    this.snapshot = { made: { families, madeAtMs: now() }, atMs: nowMs, texts: new Map() };
    return this.snapshot;
  }

  private async readSums(nowMs: number): Promise<void> {
    if (!this.isStale && nowMs - this.readMs < EXPORT_READ_MS_MAX) return;
    // Before the read: what is committed meanwhile is read next time.
    this.isStale = false;
    try {
      this.sums = await this.lifetimes.read(this.wantedCells());
      this.readMs = nowMs;
    } catch (error) {
      this.isStale = true;
      throw error;
    }
  }

  private wantedCells(): CellRange[] {
    const { registry } = this.options;
    const plans = new Map(registry.softwarePlans.map(({ hash, plan }) => [hash, plan]));
    for (const model of registry.models) {
      for (const { hash, plan } of registry.plansOf(model)) plans.set(hash, plan);
    }
    return [...plans].flatMap(([hash, plan]) => exportedCells(hash, plan));
  }
}

async function textOf({ families }: Snapshot, format: TextFormat): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for (const family of families) {
    for (const piece of familyPieces(family, format)) {
      pieces.push(Buffer.from(piece));
      await setImmediate();
    }
  }
  return Buffer.concat([...pieces, Buffer.from(endText(format))]);
}
