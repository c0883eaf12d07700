/**
 * The collector of a story: the built one as a process of its own, with DuckDB on disk, under a clock that the test moves.
 *
 * Why a clock of its own: a story takes weeks. Between two moves it runs as the system's does.
 *
 * Invariants
 *  - The clock only goes forward.
 *  - Process and data folder are guarded: both go with the test process at the latest.
 *
 * Not here: what happens in the weeks (drift-story.ts).
 */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CollectorClient, createCollectorClient } from '../../collector/client/collector-client.ts';
import { MONITOR_SETTLE_MS } from '../../protocol/monitor-limits.ts';
import type { Incident } from '../../protocol/read/incidents.ts';
import { HOUR_MS } from '../../protocol/report/window.ts';
import { guardedFolder, killGroup, removeFolder, spawnGuarded } from '../harness/guardian.ts';

const QUARTER_MS = 6 * HOUR_MS;
const POLL_MS = 100;
/** For what the collector does by itself. On a busy machine it takes seconds. */
const PATIENCE_MS = 120_000;

interface StartOptions {
  /** What its clock shows at first. */
  readonly startMs: number;
  readonly modelsFolder: string;
  /** The configuration file. */
  readonly config: object;
  /** Follows the clock: the milliseconds by which it is ahead of the system's (moved-clock.cjs). */
  readonly aheadFile: string;
  /** Secrets that it names. */
  readonly env: Readonly<Record<string, string>>;
}

interface Started extends Pick<StoryCollector, 'url' | 'adminKey' | 'owner' | 'modelVersion' | 'plan'> {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly aheadFile: string;
  readonly aheadMs: number;
}

export class StoryCollector {
  readonly url: string;
  readonly adminKey: string;
  readonly owner: CollectorClient;
  readonly modelVersion: string;
  /** Hash of the data plan. */
  readonly plan: string;
  private readonly child: ChildProcess;
  private readonly folder: string;
  private readonly aheadFile: string;
  private aheadMs: number;

  private constructor(of: Started) {
    this.url = of.url;
    this.adminKey = of.adminKey;
    this.owner = of.owner;
    this.modelVersion = of.modelVersion;
    this.plan = of.plan;
    this.child = of.child;
    this.folder = of.folder;
    this.aheadFile = of.aheadFile;
    this.aheadMs = of.aheadMs;
  }

  static async start({ startMs, modelsFolder, config, aheadFile, env }: StartOptions): Promise<StoryCollector> {
    const folder = guardedFolder('story');
    const configFile = join(folder, 'insitu.json');
    writeFileSync(configFile, JSON.stringify(config));
    const adminKey = 'key-of-the-story';
    const aheadMs = startMs - Date.now();
    writeFileSync(aheadFile, String(aheadMs));
    const options = { aheadMs, port: 0, adminKey, configFile, dataFolder: join(folder, 'data'), modelsFolder };
    const script = fileURLToPath(new URL('story-collector-process.mjs', import.meta.url));
    const child = spawnGuarded(process.execPath, [script, JSON.stringify(options)], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const { url } = await said<{ url: string }>(child);
    const owner = createCollectorClient({ url, adminKey });
    const model = (await owner.models()).find(({ name }) => name === 'digits');
    if (model === undefined) throw new Error('the digits model is not registered');
    return new StoryCollector({ ...model, url, adminKey, owner, child, folder, aheadFile, aheadMs });
  }

  get nowMs(): number {
    return Date.now() + this.aheadMs;
  }

  async moveTo(atMs: number): Promise<void> {
    if (atMs < this.nowMs) throw new RangeError(`the story is at ${new Date(this.nowMs).toISOString()} and does not go back`);
    const aheadMs = atMs - Date.now();
    const moved = said(this.child);
    this.child.send({ aheadMs });
    writeFileSync(this.aheadFile, String(aheadMs));
    await moved;
    this.aheadMs = aheadMs;
  }

  /** Waits until every quarter of a day that is over was judged. */
  async judged(): Promise<void> {
    const untilMs = Math.floor((this.nowMs - MONITOR_SETTLE_MS) / QUARTER_MS) * QUARTER_MS;
    await this.until('all quarters are judged', async () => {
      const { judgedUntilMs } = await this.owner.monitoredModel({ version: this.modelVersion });
      return (judgedUntilMs ?? 0) >= untilMs ? true : null;
    });
  }

  /** Windows of data that voted in that hour. */
  async votes(hour: number): Promise<number> {
    const { slots } = await this.owner.votes({ model: this.modelVersion, plan: this.plan, cadence: 'week', from: hour, hours: 1 });
    return slots.reduce((sum, { windows }) => sum + windows, 0);
  }

  /** All of the model, the latest first. */
  async incidents(): Promise<readonly Incident[]> {
    return (await this.owner.incidents({ model: this.modelVersion })).incidents;
  }

  /** Polls until there is an answer. */
  async until<T>(what: string, ask: () => Promise<T | null>, patienceMs = PATIENCE_MS): Promise<T> {
    const endMs = performance.now() + patienceMs;
    for (;;) {
      const answer = await ask();
      if (answer !== null) return answer;
      if (performance.now() > endMs) throw new Error(`after ${patienceMs} ms it is still not so that ${what}`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async close(): Promise<void> {
    if (this.child.pid !== undefined) await killGroup(this.child.pid, 'SIGTERM');
    removeFolder(this.folder);
  }
}

/** The next message of a child, or why there is none. */
function said<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null) => reject(new Error(`the collector ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message as T);
    });
  });
}
