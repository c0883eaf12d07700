/**
 * What the routes work with: handed to each of them, made and ended by collector/index.ts.
 */
import type { TargetEntry } from '../../protocol/read/incidents.ts';
import type { Exports } from '../exports/exports.ts';
import type { OwnLoad } from '../exports/own-load.ts';
import type { Incidents } from '../incidents/incidents.ts';
import type { RuleBook } from '../incidents/rule-book.ts';
import type { GroupCommit } from '../intake/group-commit.ts';
import type { Refusals } from '../intake/refusals.ts';
import type { Registry } from '../models/registry.ts';
import type { Monitoring } from '../monitoring/monitoring.ts';
import type { WriteKeys } from '../operator/write-keys.ts';
import type { Store } from '../store/store.ts';
import type { LiveFeed } from '../views/live-feed.ts';
import type { ReadQueue } from '../views/read-queue.ts';
import type { StaticFolders } from './static-files.ts';

export interface ServerDeps {
  readonly store: Store;
  readonly registry: Registry;
  readonly group: GroupCommit;
  readonly live: LiveFeed;
  readonly incidents: Incidents;
  readonly rules: RuleBook;
  readonly monitoring: Monitoring;
  /** How it stands with each. */
  readonly targets: () => readonly TargetEntry[];
  readonly folders: StaticFolders;
  /** Who registers models. */
  readonly adminKey: string;
  /** Keys in report addresses, and what each may report about; public. */
  readonly writeKeys: WriteKeys;
  readonly reads: ReadQueue;
  readonly exports: Exports;
  readonly load: OwnLoad;
  readonly refusals: Refusals;
  /** Sums of fewer reports are shown to nobody (collector/views/series.ts). */
  readonly shownReportsMin: number;
  /** insitu's version. */
  readonly release: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Receives sentences for the operator; never a part of a request. */
  readonly log: (sentence: string) => void;
  /** Aborted when the collector stops: reports are refused from then on, and live streams end. */
  readonly closing: AbortSignal;
}
