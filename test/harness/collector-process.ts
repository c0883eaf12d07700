/**
 * Collector process: the built collector as an operator runs it, killed and restarted as a test likes.
 *
 * Invariants
 *  - The port is one that no page has seen (unseen-port.ts) and is kept over `restart`, so that pages find it again.
 *  - Data folder and process are guarded (guardian.ts): both go with the test process at the latest.
 *
 * Not here: faults on the way (fault-proxy.ts), registering models beyond `--models` (the caller posts to /v1/models).
 */
import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { guardedFolder, killGroup, removeFolder, spawnGuarded } from './guardian.ts';
import { unseenPort } from './unseen-port.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const START_TIMEOUT_MS = 60_000;

export interface CollectorOptions {
  /** Default: the repository's models. `null`: none. */
  modelsFolder?: string | null;
  /** Default: a temporary folder, removed at `close`. */
  dataFolder?: string;
  /** What is served at /; default: the built site. */
  siteFolder?: string;
  adminKey?: string;
  writeKeys?: readonly string[];
}

export interface CollectorProcess {
  readonly url: string;
  readonly dataDir: string;
  readonly adminKey: string;
  /** Of the process that runs now. */
  readonly pid: number;
  /** What it wrote to standard error so far, all starts together. */
  readonly errorText: string;
  /** Ends the process. SIGTERM lets it commit and close; SIGKILL is a power cut. */
  kill(signal: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Starts it again on the same port and data; kills it first if it runs. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export async function startCollectorProcess(options: CollectorOptions = {}): Promise<CollectorProcess> {
  const cli = join(ROOT, 'dist/node/cli.js');
  if (!existsSync(cli)) throw new Error('dist/node/cli.js is not built; run `npm run build`');
  const dataDir = options.dataFolder ?? guardedFolder('collector');
  const adminKey = options.adminKey ?? 'test-admin-key';
  const modelsFolder = options.modelsFolder === undefined ? join(ROOT, 'models') : options.modelsFolder;
  const env = { ...process.env, INSITU_ADMIN_KEY: adminKey, INSITU_WRITE_KEYS: (options.writeKeys ?? ['demo']).join(',') };
  let child: ChildProcess | null = null;
  let url = '';
  let errorText = '';
  const start = async (port: string) => {
    const args = [
      cli,
      'collector',
      '--json',
      '--port',
      port,
      '--data',
      dataDir,
      ...(modelsFolder === null ? [] : ['--models', modelsFolder]),
      ...(options.siteFolder === undefined ? [] : ['--site', options.siteFolder]),
    ];
    child = spawnGuarded(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stderr?.on('data', (bytes: Buffer) => {
      errorText += bytes.toString();
    });
    url = await readyUrl(child, () => errorText);
  };
  const kill = async (signal: 'SIGKILL' | 'SIGTERM') => {
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) await killGroup(child.pid, signal);
    child = null;
  };
  await start(String(await unseenPort()));
  return {
    get url() {
      return url;
    },
    get pid() {
      return child?.pid ?? 0;
    },
    get errorText() {
      return errorText;
    },
    dataDir,
    adminKey,
    kill,
    async restart() {
      await kill('SIGKILL');
      await start(new URL(url).port);
    },
    async close() {
      await kill('SIGTERM');
      if (options.dataFolder === undefined) removeFolder(dataDir);
    },
  };
}

/** The first line on standard output says that it is ready and where. */
function readyUrl(child: ChildProcess, errorText: () => string): Promise<string> {
  const { stdout } = child;
  if (stdout === null) throw new Error('the collector has no standard output');
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`the collector was not ready in ${START_TIMEOUT_MS} ms: ${errorText()}`)),
      START_TIMEOUT_MS,
    );
    createInterface({ input: stdout }).once('line', (line) => {
      clearTimeout(timer);
      resolve((JSON.parse(line) as { url: string }).url);
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      reject(new Error(`the collector exited with ${code ?? signal} while starting: ${errorText()}`));
    });
  });
}
