/**
 * Prometheus: the real server and its tool, as Debian packages them, scraping a collector of a test.
 *
 * Invariants
 *  - Data and process are guarded (guardian.ts): both go with the test process at the latest.
 *  - Where it is not installed, `WITHOUT_PROMETHEUS` says so in a sentence, and the tests that need it print it.
 *
 * Not here: getting it (scripts/run/prometheus.mjs).
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { firstExisting, PROMETHEUS_PATHS, PROMTOOL_PATHS } from './browser-paths.mjs';
import { guardedFolder, killGroup, removeFolder, spawnGuarded } from './guardian.ts';

const START_TIMEOUT_MS = 60_000;
const prometheus = firstExisting(PROMETHEUS_PATHS);
const promtool = firstExisting(PROMTOOL_PATHS);

/** null when it is there. */
export const WITHOUT_PROMETHEUS =
  prometheus !== null && promtool !== null
    ? null
    : 'Prometheus is not installed, so nothing was scraped by it. On Debian `npm test` unpacks it; elsewhere name INSITU_PROMETHEUS and INSITU_PROMTOOL.';

if (WITHOUT_PROMETHEUS !== null) process.stderr.write(`${WITHOUT_PROMETHEUS}\n`);

/** What it printed and how it ended. */
export function runPromtool(args: readonly string[], input = ''): { readonly status: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync(promtool as string, args, { input, encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
}

export interface Prometheus {
  /** The values of an instant query, by the labels that it leaves. */
  query(expr: string): Promise<readonly { readonly metric: Readonly<Record<string, string>>; readonly value: number }[]>;
  /** The last error of a scrape; empty when it went well, null before the first. */
  lastError(): Promise<string | null>;
  close(): Promise<void>;
}

/** Scrapes `url`/metrics once a second, as job "insitu". */
export async function startPrometheus(url: string): Promise<Prometheus> {
  const folder = guardedFolder('prometheus');
  const port = await freePort();
  const config = join(folder, 'prometheus.yml');
  const scrape = { job_name: 'insitu', scrape_interval: '1s', static_configs: [{ targets: [new URL(url).host] }] };
  writeFileSync(config, JSON.stringify({ scrape_configs: [scrape] }));
  const args = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=127.0.0.1:${port}`];
  const child = spawnGuarded(prometheus as string, args, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  const ask = async (path: string) => (await (await fetch(`http://127.0.0.1:${port}${path}`)).json()) as { data: unknown };
  const isReady = () =>
    fetch(`http://127.0.0.1:${port}/-/ready`)
      .then(({ ok }) => ok)
      .catch(() => false);
  for (const endMs = performance.now() + START_TIMEOUT_MS; !(await isReady()); await new Promise((resolve) => setTimeout(resolve, 100))) {
    if (child.exitCode !== null || performance.now() > endMs) throw new Error(`Prometheus did not start: ${said}`);
  }
  return {
    async query(expr) {
      const { data } = await ask(`/api/v1/query?query=${encodeURIComponent(expr)}`);
      const { result } = data as { result: { metric: Record<string, string>; value: [number, string] }[] };
      return result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
    },
    async lastError() {
      const { data } = await ask('/api/v1/targets');
      const [target] = (data as { activeTargets: { health: string; lastError: string }[] }).activeTargets;
      return target === undefined || target.health === 'unknown' ? null : target.lastError;
    },
    async close() {
      if (child.pid !== undefined) await killGroup(child.pid);
      removeFolder(folder);
    },
  };
}

/** One that the system has just given and got back. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0));
    });
  });
}
