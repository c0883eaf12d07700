/**
 * Visits: a real headless Chromium with a profile that lasts, whose tabs are opened and closed by address and never attached to.
 *
 * Why not Playwright: its debugger attaches to every worker and holds it at its first line, so that a contender that
 * starts workers pays for each. Here the page itself reports to the bench server.
 *
 * Invariants
 *  - The browser dies with this process and its profile is removed (test/harness/guardian.ts).
 */
import { type ChromiumProcess, startChromium } from '../../test/harness/chromium-process.ts';
import { guardedFolder, killGroup, removeFolder } from '../../test/harness/guardian.ts';
import type { BenchServer } from './bench-server.ts';

const VISIT_TIMEOUT_MS = 120_000;

export class Visits {
  /** Of the browser, and of its process group. */
  readonly pid: number;
  private readonly server: BenchServer;
  private readonly profile: string;
  private readonly devtools: string;

  private constructor(server: BenchServer, profile: string, { pid, endpoint }: ChromiumProcess) {
    this.pid = pid;
    this.server = server;
    this.profile = profile;
    this.devtools = `http://${new URL(endpoint).host}`;
  }

  static async start(server: BenchServer, flags: readonly string[] = []): Promise<Visits> {
    const profile = guardedFolder('bench');
    return new Visits(server, profile, await startChromium(profile, flags));
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

  async close(): Promise<void> {
    await killGroup(this.pid);
    removeFolder(this.profile);
  }
}
