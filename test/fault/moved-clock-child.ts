/**
 * A collector as a process of its own whose minutes are a second long, or as long as a test wants: the built one, on a real database.
 *
 * Not here: the collector under the system's clock (collector-child.ts).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Incident, IncidentList } from '../../protocol/read/incidents.ts';
import { HOUR_MS, type Window } from '../../protocol/report/window.ts';
import { bodyOf, manifestText } from '../fixtures/reports.ts';

export class MovedClockCollector {
  readonly folder: string;
  url = '';
  private readonly originMs = Date.now();
  private secondsPerSecond = 60;
  private child: ChildProcess | null = null;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** With the fixture model and this configuration; not started. */
  static async create(config: object): Promise<MovedClockCollector> {
    const folder = await mkdtemp(join(tmpdir(), 'insitu-moved-clock-'));
    await mkdir(join(folder, 'models', 'fixture'), { recursive: true });
    await writeFile(join(folder, 'models', 'fixture', 'model.json'), manifestText());
    await writeFile(join(folder, 'insitu.json'), JSON.stringify(config));
    return new MovedClockCollector(folder);
  }

  /** By the collector's clock. */
  get nowMs(): number {
    return this.originMs + (Date.now() - this.originMs) * this.secondsPerSecond;
  }

  /** @param secondsPerSecond 1 for the system's clock. */
  async start(env: Readonly<Record<string, string>>, secondsPerSecond = 60): Promise<void> {
    this.secondsPerSecond = secondsPerSecond;
    const options = {
      ...{ originMs: this.originMs, secondsPerSecond, port: 0, adminKey: 'key' },
      ...{ dataFolder: join(this.folder, 'data'), modelsFolder: join(this.folder, 'models'), configFile: join(this.folder, 'insitu.json') },
    };
    const script = fileURLToPath(new URL('moved-clock-collector.mjs', import.meta.url));
    const child = spawn(process.execPath, [script, JSON.stringify(options)], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.child = child;
    const line = await new Promise<string>((resolve, reject) => {
      createInterface({ input: child.stdout }).once('line', resolve);
      child.once('exit', (code) => reject(new Error(`the collector ended with ${code}`)));
    });
    this.url = (JSON.parse(line) as { url: string }).url;
  }

  /** A power cut. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null) return;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true });
  }

  /** What the owner is answered. */
  async get<T>(path: string): Promise<T> {
    return (await (await fetch(this.url + path, { headers: { Authorization: 'Bearer key' } })).json()) as T;
  }

  /** Sends such reports, each under an id of its own and of the present hour, until an incident is open. */
  async openIncident(windowOf: (header: Pick<Window, 'id' | 'hour'>) => Window): Promise<Incident> {
    for (;;) {
      const window = windowOf({ id: crypto.randomUUID().replaceAll('-', ''), hour: Math.floor(this.nowMs / HOUR_MS) });
      const { status } = await fetch(`${this.url}/v1/report/demo`, { method: 'POST', body: bodyOf([window]) });
      if (status !== 204) throw new Error(`a report was answered ${status}`);
      const { incidents } = await this.get<IncidentList>('/v1/incidents?state=open');
      if (incidents[0] !== undefined) return incidents[0];
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
