/**
 * Page life: whether the page that owns a record is still there.
 *
 * A page holds a Web Lock under a random name for as long as it lives; the browser gives it back when the page dies,
 * however it dies. Without Web Locks (older browsers) a record is leased for LEASE_MS at each write.
 *
 * Invariants
 *  - The lock is held before the first record is written under the page's name.
 *  - Locks that are not answered within STUCK_TIMEOUT_MS are refused ones: this page goes on with leases, takes nobody for dead, and leaves
 *    what others may be at alone.
 *  - A page that is frozen into the back/forward cache gives its name up, because a held lock would keep it out of the
 *    cache; when it comes back it takes a new name, and what it had stored belongs to whoever finds it.
 *
 * Not here: what is done with an orphan (sdk/delivery/outbox.ts).
 */

import { toHex } from '../../protocol/hex.ts';
import { LEASE_MS, STUCK_TIMEOUT_MS } from '../../protocol/limits.ts';
import { atMost, type Platform } from '../telemetry/platform.ts';
import type { WindowRecord } from './outbox-db.ts';

const PREFIX = 'insitu-page-';

export class PageLife {
  private readonly platform: Platform;
  private page = '';
  /** The browser has Web Locks and denies them here, as it does to pages without an origin of their own. */
  private isRefused = false;
  /** They were not answered in time: they are not asked again, and who lives is not known. */
  private isStuck = false;
  private letGo: () => void = () => undefined;

  constructor(platform: Platform) {
    this.platform = platform;
  }

  /** Without Web Locks: a living page can lose a record by being late. */
  get isLeased(): boolean {
    return this.locks() === null;
  }

  private locks(): LockManager | null {
    return this.isRefused ? null : this.platform.locks();
  }

  get name(): string {
    return this.page;
  }

  leaseUntilMs(): number {
    return this.platform.now() + LEASE_MS;
  }

  /** Takes a new name; resolves when its lock is held. */
  async begin(): Promise<void> {
    this.end();
    const page = toHex(this.platform.random(8));
    this.page = page;
    const locks = this.locks();
    if (locks === null) return;
    const holding = new Promise<true>((held, refused) => {
      const released = new Promise<void>((release) => {
        this.letGo = release;
      });
      locks
        .request(PREFIX + page, () => {
          held(true);
          return released;
        })
        .catch(refused);
    });
    const answer = await atMost(this.platform, STUCK_TIMEOUT_MS, holding).catch(() => 'refused' as const);
    this.isStuck ||= answer === undefined;
    this.isRefused = answer !== true;
  }

  end(): void {
    this.letGo();
    this.letGo = () => undefined;
  }

  /**
   * A test for records whose page is gone. This page's own are never orphans.
   *
   * @param records As read before this call: a page that starts later is not taken for dead. What a dead page wrote last may
   *   be newer than that; read again before using it.
   */
  async orphanTest(records: readonly WindowRecord[]): Promise<(record: WindowRecord) => boolean> {
    const locks = this.locks();
    const nowMs = this.platform.now();
    const nobody = () => false;
    if (this.isStuck) return nobody;
    // A lease that ends later than any that is given now was written under another clock.
    if (locks === null) {
      return ({ page, leaseUntilMs }) => page !== this.page && (leaseUntilMs < nowMs || leaseUntilMs > nowMs + LEASE_MS);
    }
    const answer = await atMost(this.platform, STUCK_TIMEOUT_MS, locks.query());
    this.isStuck = answer === undefined;
    if (answer === undefined) return nobody;
    const { held = [] } = answer;
    const living = new Set(held.map((lock) => lock.name));
    const dead = new Set(records.map(({ page }) => page).filter((page) => page !== this.page && !living.has(PREFIX + page)));
    return ({ page }) => dead.has(page);
  }

  /** Runs `work` while no other page of this origin does; does nothing when one is at it. */
  async alone(name: string, work: () => Promise<void>): Promise<void> {
    const locks = this.locks();
    if (this.isStuck) return;
    if (locks === null) return work();
    let begun: (isBegun: true) => void = () => undefined;
    const beginning = new Promise<true>((resolve) => {
      begun = resolve;
    });
    let isLate = false;
    const working = locks.request(name, { ifAvailable: true }, (lock) => {
      begun(true);
      return lock === null || isLate ? undefined : work();
    });
    isLate = this.isStuck =
      (await atMost(this.platform, STUCK_TIMEOUT_MS, Promise.race([beginning, working.then(() => true)]))) === undefined;
    if (!isLate) await working;
  }
}
