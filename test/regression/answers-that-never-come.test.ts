/**
 * `grant()`, `flush()` and `close()` waited for ever where Web Locks were not answered or a request never settled.
 *
 * Method: everything of the browser that telemetry waits for, one by one and together, is owed and never given; time runs a thousand times
 * faster. Each public promise must settle within TELEMETRY_WAIT_MS_MAX, and what can be sent all the same is sent.
 */
import { expect, test } from 'vitest';
import { TELEMETRY_WAIT_MS_MAX } from '../../protocol/limits.ts';
import { openDelivery } from '../../sdk/delivery/delivery.ts';
import { memoryTable, type OpenTable, type OutboxTable } from '../../sdk/delivery/outbox-db.ts';
import type { LevelDeps } from '../../sdk/telemetry/level.ts';
import type { CountedModel } from '../../sdk/telemetry/recorder.ts';
import { createTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { fixedPlatform } from '../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';

const SPEED = 1_000;
const MODEL = { modelVersion: '0123456789abcdef', dataPlan: 'fedcba9876543210', dataCellCount: 16 } as CountedModel;
const never = <T>() => new Promise<T>(() => undefined);

/** A database of which these calls are never answered. */
function stuckTable(...stuck: readonly (keyof OutboxTable)[]): OpenTable {
  return async () => ({ ...memoryTable(), ...Object.fromEntries(stuck.map((name) => [name, never])) });
}

const NO_LOCKS = { request: never, query: never } as unknown as LockManager;
const NO_QUERY = {
  request: (_name: string, ...rest: unknown[]) => (rest.at(-1) as () => unknown)(),
  query: never,
} as unknown as LockManager;

interface Owed {
  readonly locks?: LockManager;
  readonly openTable?: OpenTable;
  readonly isPostOwed?: true;
  readonly isFileOwed?: true;
  readonly isDeletionOwed?: true;
}

/** `delivers`: what is counted arrives all the same. */
const CASES: readonly (readonly [what: string, owed: Owed, delivers: boolean])[] = [
  ['Web Locks', { locks: NO_LOCKS }, true],
  ['the list of locks', { locks: NO_QUERY }, true],
  ['the opening of the database', { openTable: never }, false],
  ['the first read of the database', { openTable: stuckTable('waits') }, true],
  ['every read of the database', { openTable: stuckTable('waits', 'all') }, true],
  ['every list of the database', { openTable: stuckTable('all') }, false],
  ['every write to the database', { openTable: stuckTable('put', 'rewrite') }, false],
  ['every deletion in the database', { openTable: stuckTable('remove') }, true],
  ['answers to reports', { isPostOwed: true }, false],
  ['the file that delivers', { isFileOwed: true }, false],
  ['the deletion of what is stored', { isDeletionOwed: true }, true],
  ['everything at once', { locks: NO_LOCKS, openTable: never, isPostOwed: true, isDeletionOwed: true }, false],
];

function visit({ locks, openTable = async () => memoryTable(), isPostOwed, isFileOwed, isDeletionOwed }: Owed) {
  const platform = {
    ...fixedPlatform(),
    locks: () => locks ?? null,
    after: (ms: number, run: () => void) => {
      const timer = setTimeout(run, ms / SPEED);
      return () => clearTimeout(timer);
    },
  };
  const delivery = { openDelivery: (deps: LevelDeps) => openDelivery(deps, openTable) };
  return createTelemetry(
    { collector: { url: 'https://c.example', key: 'k' }, consent: 'required' },
    {
      platform: isPostOwed ? { ...platform, post: never } : platform,
      files: { ...telemetryFiles, delivery: isFileOwed ? never : async () => delivery },
      deleteData: isDeletionOwed ? never : async () => undefined,
    },
  );
}

async function settles(what: Promise<unknown>): Promise<boolean> {
  // Twice the bound: a busy machine's timers are late.
  return Promise.race([
    what.then(() => true),
    new Promise<boolean>((resolve) => setTimeout(resolve, (2 * TELEMETRY_WAIT_MS_MAX) / SPEED + 500, false)),
  ]);
}

test.each(CASES)('%s never comes: every promise settles in time', async (_what, owed, delivers) => {
  const telemetry = visit(owed);
  expect(await settles(telemetry.grant())).toBe(true);
  for (let run = 0; run < 9; run++) telemetry.recorderOf('stable').observed(MODEL, Uint32Array.of(7, 1), 0, 1);
  expect(await settles(telemetry.flush())).toBe(true);
  if (delivers) expect(telemetry.status().sentWindows).toBe(2);
  expect(await settles(telemetry.erase())).toBe(true);
  expect(await settles(telemetry.withdraw())).toBe(true);
  expect(await settles(telemetry.optOut())).toBe(true);
  telemetry.optIn();
  expect(await settles(telemetry.grant())).toBe(true);
  expect(await settles(telemetry.inspect())).toBe(true);
  expect(await settles(telemetry.close())).toBe(true);
});
