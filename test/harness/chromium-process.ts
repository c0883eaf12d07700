/**
 * A Chromium process of ours: headless, with a profile of its own, reachable over the DevTools protocol. Tests and benches start it alike.
 *
 * Invariants
 *  - No request of its own: component updates, sync and background networking are off.
 *  - It leads its own process group and dies with this process (guardian.ts).
 *
 * Not here: how a test drives it (chromium.ts), how a bench visits pages (bench/harness/chromium-visits.ts).
 */
import { mkdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { CHROMIUM_PATHS, firstExisting } from './browser-paths.mjs';
import { spawnGuarded } from './guardian.ts';

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
  '--force-color-profile=srgb',
  '--hide-scrollbars',
  '--window-size=1280,900',
  '--remote-debugging-port=0',
];
const START_TIMEOUT_MS = 60_000;

export interface ChromiumProcess {
  /** Of the process, and of its group. */
  readonly pid: number;
  /** Of its DevTools, `ws://…`. */
  readonly endpoint: string;
  readonly exited: Promise<void>;
}

export async function startChromium(profileDir: string, extraFlags: readonly string[]): Promise<ChromiumProcess> {
  const executable = firstExisting(CHROMIUM_PATHS);
  if (executable === null) throw new Error('no Chromium or Chrome was found; set INSITU_CHROMIUM to its path or run npm test');
  const args = [...FLAGS, ...extraFlags, `--user-data-dir=${profileDir}`, 'about:blank'];
  // Crash reporting keeps its folder under the configuration folder; it must not be the developer's own. And what a browser
  // that is killed leaves among temporary files goes with its profile.
  mkdirSync(profileDir, { recursive: true });
  const own = { XDG_CONFIG_HOME: `${profileDir}/config`, XDG_CACHE_HOME: `${profileDir}/cache`, TMPDIR: profileDir };
  const env = { ...process.env, ...own };
  const child = spawnGuarded(executable, args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  const { pid, stderr } = child;
  if (pid === undefined || stderr === null) throw new Error(`${executable} did not start`);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  return { pid, endpoint: await devtoolsEndpoint(stderr), exited };
}

async function devtoolsEndpoint(stderr: NodeJS.ReadableStream): Promise<string> {
  const lines = createInterface({ input: stderr });
  const seen: string[] = [];
  const endpoint = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`Chromium did not open its DevTools port:\n${seen.join('\n')}`)), START_TIMEOUT_MS);
    lines.on('line', (line) => {
      seen.push(line);
      const match = /DevTools listening on (ws:\S+)/.exec(line);
      if (match?.[1] === undefined) return;
      clearTimeout(timer);
      resolve(match[1]);
    });
    lines.on('close', () => {
      clearTimeout(timer);
      reject(new Error(`Chromium exited while starting:\n${seen.join('\n')}`));
    });
  });
  lines.close();
  stderr.resume();
  return endpoint;
}
