/**
 * The built collector as a child process, for tests that end it the hard way.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { HOUR_MS, type Window } from '../../protocol/report/window.ts';
import { dataWindow, manifestText, nextId, PRESENT_CELL } from '../fixtures/reports.ts';

const CLI = fileURLToPath(new URL('../../dist/node/cli.js', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `insitu …` as a user types it. */
export class Command {
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;
  private stdout = '';
  private stderr = '';

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    this.child = spawn(process.execPath, [CLI, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout?.on('data', (bytes: Buffer) => {
      this.stdout += bytes.toString();
    });
    this.child.stderr?.on('data', (bytes: Buffer) => {
      this.stderr += bytes.toString();
    });
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  /** Resolves with what was printed once it matches. */
  async printed(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.stdout)) {
      const more = new Promise<'more'>((resolve) => this.child.stdout?.once('data', () => resolve('more')));
      const ended = await Promise.race([more, this.ended]);
      if (ended !== 'more') throw new Error(`ended before it printed ${pattern}: ${ended.stderr}`);
    }
    return this.stdout;
  }

  kill(signal: NodeJS.Signals): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }
}

/** A folder with the fixture model and room for the collector's data. */
export class Workplace {
  private readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Workplace> {
    const folder = await mkdtemp(join(tmpdir(), 'insitu-collector-'));
    await mkdir(join(folder, 'models', 'fixture'), { recursive: true });
    await writeFile(join(folder, 'models', 'fixture', 'model.json'), manifestText());
    return new Workplace(folder);
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** Starts the collector and waits until it is ready. */
  async start(port = 0): Promise<{ command: Command; url: string }> {
    const command = new Command([
      'collector',
      '--json',
      ...['--port', String(port), '--data', this.path('data'), '--models', this.path('models')],
    ]);
    const line = await command.printed(/\n/);
    return { command, url: (JSON.parse(line) as { url: string }).url };
  }

  dispose(): Promise<void> {
    return rm(this.folder, { recursive: true });
  }
}

/** A window of this hour, which the real clock accepts. */
export function freshWindow(runs = 8): Window {
  return dataWindow({ id: nextId(), hour: Math.floor(Date.now() / HOUR_MS), runs, counts: Uint32Array.of(runs, runs) });
}

/** One POST; 0 when no answer came. */
export async function post(url: string, body: Uint8Array<ArrayBuffer>): Promise<number> {
  try {
    return (await fetch(`${url}/v1/report/demo`, { method: 'POST', body })).status;
  } catch {
    return 0;
  }
}

export interface Counted {
  readonly reports: number;
  readonly runs: number;
  /** Sum of the state "present", which `freshWindow` bumps once per run. */
  readonly items: number;
}

/** What the collector has counted of the fixture model in all hours that it shows. */
export async function counted(url: string, modelVersion: string): Promise<Counted> {
  const response = await fetch(`${url}/v1/series?model=${modelVersion}&hours=48`);
  const { totals, data } = (await response.json()) as {
    totals: readonly { reports: number; runs: number }[];
    data: readonly { cell: number; count: number }[];
  };
  return {
    reports: totals.reduce((sum, total) => sum + total.reports, 0),
    runs: totals.reduce((sum, total) => sum + total.runs, 0),
    items: data.filter(({ cell }) => cell === PRESENT_CELL).reduce((sum, { count }) => sum + count, 0),
  };
}
