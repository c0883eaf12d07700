/**
 * Visits: a real headless Chromium with a profile that lasts, whose tabs are opened and closed by address and never attached to.
 *
 * Why not Playwright: its debugger attaches to every worker and holds it at its first line, so that a contender that
 * starts workers pays for each. Here the page itself reports to the bench server.
 *
 * Invariants
 *  - The browser makes no request of its own and dies with this process; its profile is removed.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { CHROMIUM_PATHS, firstExisting } from '../../test/harness/browser-paths.mjs';
import type { BenchServer } from './bench-server.ts';

const FLAGS = [
  '--headless=new',
  '--no-sandbox',
  '--no-first-run',
  '--no-default-browser-check',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-default-apps',
  '--disable-domain-reliability',
  '--disable-sync',
  '--disable-breakpad',
  '--disable-dev-shm-usage',
  '--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication',
  '--metrics-recording-only',
  '--password-store=basic',
  '--use-mock-keychain',
  '--window-size=1280,900',
  '--remote-debugging-port=0',
];
const VISIT_TIMEOUT_MS = 120_000;

export class Visits {
  private readonly server: BenchServer;
  private readonly child: ChildProcess;
  private readonly profile: string;
  private readonly devtools: string;
  private readonly stop = () => killTree(this.child);

  private constructor(server: BenchServer, child: ChildProcess, profile: string, devtools: string) {
    this.server = server;
    this.child = child;
    this.profile = profile;
    this.devtools = devtools;
    process.once('exit', this.stop);
  }

  static async start(server: BenchServer, flags: readonly string[] = []): Promise<Visits> {
    const executable = firstExisting(CHROMIUM_PATHS);
    if (executable === null) throw new Error('no Chromium or Chrome was found; set INSITU_CHROMIUM to its path');
    const profile = mkdtempSync(join(tmpdir(), 'insitu-bench-'));
    const env = { ...process.env, XDG_CONFIG_HOME: `${profile}/config`, XDG_CACHE_HOME: `${profile}/cache` };
    const args = [...FLAGS, ...flags, `--user-data-dir=${profile}`, 'about:blank'];
    const child = spawn(executable, args, { env, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
    return new Visits(server, child, profile, await devtoolsOf(child));
  }

  /** Opens the page in a tab of its own and waits for its report. @param idleMs How long the tab stays afterwards. */
  async visit<Report>(page: string, parameters: Readonly<Record<string, unknown>>, idleMs = 0): Promise<Report> {
    const { url, report } = this.server.expect<Report>(page, parameters);
    const opened = await fetch(`${this.devtools}/json/new?${encodeURIComponent(url)}`, { method: 'PUT' });
    const { id } = (await opened.json()) as { id: string };
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      const overdue = new Promise<never>((_, reject) => {
        timer = setTimeout(() => reject(new Error(`${page} did not report within ${VISIT_TIMEOUT_MS} ms`)), VISIT_TIMEOUT_MS);
      });
      const answer = await Promise.race([report, overdue]);
      await new Promise((resolve) => setTimeout(resolve, idleMs));
      return answer;
    } finally {
      clearTimeout(timer);
      await fetch(`${this.devtools}/json/close/${id}`);
    }
  }

  /** Process ids of the browser's tree, by what they are. */
  get pid(): number {
    return this.child.pid as number;
  }

  async close(): Promise<void> {
    process.off('exit', this.stop);
    const exited = new Promise((resolve) => this.child.once('exit', resolve));
    this.stop();
    await exited;
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

function killTree(child: ChildProcess): void {
  try {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

async function devtoolsOf(child: ChildProcess): Promise<string> {
  if (child.stderr === null) throw new Error('Chromium has no error stream');
  for await (const line of createInterface({ input: child.stderr })) {
    const match = /DevTools listening on ws:\/\/([^/]+)/.exec(line);
    if (match?.[1] === undefined) continue;
    child.stderr.resume();
    return `http://${match[1]}`;
  }
  throw new Error('Chromium ended before it opened its DevTools port');
}
