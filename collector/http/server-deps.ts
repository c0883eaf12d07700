/**
 * What the routes work with: handed to each of them, owned by collector/index.ts.
 */
import type { GroupCommit } from '../intake/group-commit.ts';
import type { Registry } from '../models/registry.ts';
import type { Store } from '../store/store.ts';
import type { LiveFeed } from '../views/live-feed.ts';
import type { StaticFolders } from './static-files.ts';

export interface ServerParts {
  readonly store: Store;
  readonly registry: Registry;
  readonly group: GroupCommit;
  readonly live: LiveFeed;
  readonly folders: StaticFolders;
  readonly adminKey: string;
  readonly writeKeys: ReadonlySet<string>;
  readonly release: string;
  readonly now: () => number;
  readonly complain: (sentence: string) => void;
  /** Ends the live streams. */
  readonly closing: AbortSignal;
}
