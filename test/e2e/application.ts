/**
 * Applications: what users build us into. Each lies in test/apps/, is installed from the registry with the packed package, and is
 * started or built by its own command line.
 *
 * Why by the command line: a bundler's interface for programs is not what an application runs, and sets other defaults.
 *
 * Invariants
 *  - Each is copied into a folder of its own outside of the repository: nothing here is found by a bundler that looks upwards.
 *  - Versions are exact in each package.json. There is no lock file: who installs us today gets today's packages below them.
 *  - Telemetry of the tools is off. Next's development server still asks the registry for its newest version; it has no switch.
 *
 * Not here: what a page of them must do (test/e2e/bundled-visit.ts).
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { killGroup, spawnGuarded } from '../harness/guardian.ts';
import { ISOLATION, serveFolders } from './folder-server.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const APPS = join(ROOT, 'test/apps');
const READY_TIMEOUT_MS = 180_000;
const DIGIT_BYTES = 64;
const DRAWING_COUNT = 10;

/** A command, and what follows it. */
type Command = readonly [name: string, ...args: string[]];

interface Bundler {
  readonly app: string;
  /** Where its sources lie, beside which the visit is put. */
  readonly sources: string;
  readonly develop: (port: string) => Command;
  readonly build: Command;
  /** Of a built application: a folder that any host serves, or a server of its own. */
  readonly built: { readonly folder: string } | ((port: string) => Command);
}

const HOST = '127.0.0.1';
const atVite = (app: string): Bundler => ({
  app,
  sources: '.',
  develop: (port) => ['vite', '--host', HOST, '--port', port, '--strictPort'],
  build: ['vite', 'build'],
  built: { folder: 'dist' },
});
const atNext = (...flags: string[]): Bundler => ({
  app: 'next',
  sources: 'app',
  develop: (port) => ['next', 'dev', ...flags, '--hostname', HOST, '--port', port],
  build: ['next', 'build', ...flags],
  built: (port) => ['next', 'start', '--hostname', HOST, '--port', port],
});

export const BUNDLERS = {
  'Vite 7': atVite('vite-7'),
  'Vite 8': atVite('vite-8'),
  'webpack 5': {
    app: 'webpack',
    sources: '.',
    develop: (port) => ['webpack', 'serve', '--mode', 'development', '--host', HOST, '--port', port],
    build: ['webpack', '--mode', 'production'],
    built: { folder: 'dist' },
  },
  'Next 16 with Turbopack': atNext(),
  'Next 16 with webpack': atNext('--webpack'),
  'Nuxt 4.2': {
    app: 'nuxt',
    sources: 'app',
    develop: (port) => ['nuxt', 'dev', '--host', HOST, '--port', port],
    build: ['nuxt', 'build'],
    built: (port) => ['nuxt', 'preview', '--port', port],
  },
} as const satisfies Readonly<Record<string, Bundler>>;

export type BundlerName = keyof typeof BUNDLERS;

export interface RunningApplication {
  readonly origin: string;
  close(): Promise<void>;
}

const TEST_RUNNER_NAMES = /^(NODE_ENV|VITEST|TEST|DEV|PROD|MODE|SSR|BASE_URL)/;

/** What the tools inherit: nothing that a test runner has set, no telemetry. `ISOLATED` is read by the applications. */
function environment(isIsolated = false): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !TEST_RUNNER_NAMES.test(name));
  const own = { NEXT_TELEMETRY_DISABLED: '1', NUXT_TELEMETRY_DISABLED: '1', NITRO_HOST: HOST, npm_config_loglevel: 'error' };
  return { ...Object.fromEntries(kept), ...own, ISOLATED: isIsolated ? '1' : '' };
}

/** Packs this repository as it is built. @returns the tarball's path */
export async function packPackage(folder: string): Promise<string> {
  const said = await runToEnd(ROOT, environment(), ['npm', 'pack', '--json', '--ignore-scripts', '--pack-destination', folder]);
  const [packed] = JSON.parse(said) as [{ filename: string }];
  return join(folder, packed.filename);
}

/**
 * Installs the application and the tarball into a new folder, with the digits model and drawings to ask of.
 *
 * @param extraFlags Of npm.
 */
export async function installApplication(name: BundlerName, tarball: string, folder: string, extraFlags: readonly string[]): Promise<void> {
  const { app, sources } = BUNDLERS[name];
  cpSync(join(APPS, app), folder, { recursive: true, filter: (source) => !/[\\/]node_modules$/.test(source) });
  cpSync(join(APPS, 'visit.js'), join(folder, sources, 'visit.js'));
  mkdirSync(join(folder, 'public/models/digits'), { recursive: true });
  for (const file of ['model.json', 'digits.int8.onnx', 'digits.fp16.onnx', 'digits.fp32.onnx']) {
    cpSync(join(ROOT, 'models/digits', file), join(folder, 'public/models/digits', file));
  }
  writeFileSync(join(folder, 'public/models/drawings.json'), JSON.stringify(heldOut().map(({ pixels }) => pixels)));
  const flags = ['--no-save', '--no-package-lock', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', ...extraFlags];
  await runToEnd(folder, environment(), ['npm', 'install', ...flags, tarball]);
}

/** The first held-out drawings, and the digits that they show. */
export function heldOut(): readonly { readonly pixels: readonly number[]; readonly digit: number }[] {
  const { images, labels } = JSON.parse(readFileSync(join(ROOT, 'models/digits/heldout.json'), 'utf8')) as Record<string, string>;
  const bytes = Buffer.from(images ?? '', 'base64');
  return Array.from({ length: DRAWING_COUNT }, (_, index) => ({
    pixels: [...bytes.subarray(index * DIGIT_BYTES, (index + 1) * DIGIT_BYTES)],
    digit: Number(labels?.[index]),
  }));
}

/** Its development server. @param isIsolated Whether the page may have threads. */
export function develop(name: BundlerName, folder: string, isIsolated: boolean): Promise<RunningApplication> {
  return startServer(folder, BUNDLERS[name].develop, isIsolated);
}

/** Builds it and serves what was built. */
export async function buildAndServe(name: BundlerName, folder: string, isIsolated: boolean): Promise<RunningApplication> {
  const { build, built }: Bundler = BUNDLERS[name];
  const [command, ...args] = build;
  await runToEnd(folder, environment(isIsolated), [join(folder, 'node_modules/.bin', command), ...args]);
  if (typeof built === 'function') return startServer(folder, built, isIsolated);
  return serveFolders({ '/': join(folder, built.folder), '/models/': join(folder, 'public/models') }, isIsolated ? ISOLATION : {});
}

/** @returns what it wrote to standard output. @throws Error with all that it wrote, when it does not end well */
async function runToEnd(cwd: string, env: NodeJS.ProcessEnv, [command, ...args]: Command): Promise<string> {
  const child = spawnGuarded(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    output += bytes.toString();
  });
  child.stderr?.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  if (child.pid !== undefined) await killGroup(child.pid);
  if (code !== 0) throw new Error(`${[command, ...args].join(' ')} ended with ${code ?? signal}: ${output}${errors}`);
  return output;
}

async function startServer(folder: string, commandAt: (port: string) => Command, isIsolated: boolean): Promise<RunningApplication> {
  const port = await freePort();
  const [command, ...args] = commandAt(port);
  const child = spawnGuarded(join(folder, 'node_modules/.bin', command), args, {
    ...{ cwd: folder, env: environment(isIsolated) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (bytes: Buffer) => said.push(bytes.toString()));
  const close = async () => {
    if (child.pid !== undefined) await killGroup(child.pid);
  };
  const origin = `http://${HOST}:${port}`;
  try {
    await untilItAnswers(origin, child);
  } catch (error) {
    await close();
    throw new Error(`${[command, ...args].join(' ')}: ${said.join('')}`, { cause: error });
  }
  return { origin, close };
}

async function untilItAnswers(origin: string, child: ChildProcess): Promise<void> {
  for (const endMs = performance.now() + READY_TIMEOUT_MS; performance.now() < endMs; ) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error('it ended while it started');
    const answer = await fetch(origin).catch(() => null);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`it did not answer within ${READY_TIMEOUT_MS} ms`);
}

/** One that the system has just given and got back. */
function freePort(): Promise<string> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, HOST, () => {
      const address = server.address();
      server.close(() => resolve(String(typeof address === 'object' ? address?.port : '')));
    });
  });
}
