/**
 * Prometheus: what is there, and on Debian what is missing is unpacked into .build/.
 *
 * Why unpacked and not installed: the package starts a server and keeps it running. Nothing but its two programs is needed.
 *
 * Invariants
 *  - A missing Prometheus is no failure: the test that needs it says so and is left out. Each step ends within STEP_MS_MAX.
 *
 * Not here: where it may lie (test/harness/browser-paths.mjs), starting it (test/harness/prometheus.ts).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { firstExisting, PROMETHEUS_FOLDER, PROMETHEUS_PATHS, PROMTOOL_PATHS } from '../../test/harness/browser-paths.mjs';

/** 20 MB over a slow line. */
const STEP_MS_MAX = 2 * 60_000;

export function ensurePrometheus() {
  const isThere = [PROMETHEUS_PATHS, PROMTOOL_PATHS].every((paths) => firstExisting(paths) !== null);
  if (isThere || firstExisting(['/usr/bin/apt-get']) === null || firstExisting(['/usr/bin/dpkg-deb']) === null) return;
  process.stdout.write('Unpacking prometheus …\n');
  mkdirSync(PROMETHEUS_FOLDER, { recursive: true });
  const run = (command, ...args) =>
    spawnSync(command, args, { cwd: PROMETHEUS_FOLDER, stdio: 'ignore', timeout: STEP_MS_MAX }).status === 0;
  const isFetched =
    run('apt-get', 'download', 'prometheus') || (run('apt-get', 'update', '-qq') && run('apt-get', 'download', 'prometheus'));
  const file = readdirSync(PROMETHEUS_FOLDER).find((name) => name.endsWith('.deb'));
  if (isFetched && file !== undefined) run('dpkg-deb', '-x', file, '.');
}
