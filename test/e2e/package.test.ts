/**
 * Package: what `npm i insitu` and a script tag give to someone who has nothing else of ours.
 *
 * Goal: a file left out of the tarball, a type that does not resolve or an asset that a bundler loses is found here and
 * not by a user. Method: the tarball is packed and installed into an empty application, type-checked, built and served by
 * tools that know nothing of us, and a held-out digit must be answered in real browsers.
 *
 * Not here: other bundlers and development servers (test/prove/bundlers.prove.test.ts); the demo and its collector as a person
 * uses them; accuracy over all digits (test/browser/run/accuracy.test.ts).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { publint } from 'publint';
import { build, createServer, type InlineConfig } from 'vite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { browserTest, type Page } from '../harness/browsers.ts';
import { guardedFolder, killGroup, removeFolder, spawnGuarded } from '../harness/guardian.ts';
import { packPackage } from './application.ts';
import { expectDelivery } from './bundled-visit.ts';
import { type FolderServer, type Headers, ISOLATION, SHARING, serveFolders } from './folder-server.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const home = guardedFolder('package');
const app = join(home, 'app');
const installed = join(app, 'node_modules/insitu');
const plain = join(home, 'plain');
let tarball = '';

/** Where the README says how large a file is, in kB. */
const SIZES = {
  'insitu.js': /a ([\d.]+) kB page script \(gzip;/,
  'insitu.delivery.js': /\(gzip; ([\d.]+) kB more/,
  'insitu.local-dp.js': /file of its own, ([\d.]+) kB \(gzip\)/,
  'insitu.element.js': /drop-in element for any site, ([\d.]+) kB \(gzip\)/,
};

/** What a first visit fetches of the package, with telemetry, on the plain WASM build. */
const FIRST_SCRIPTS = ['insitu.js', 'insitu.delivery.js', 'insitu.worker.js', 'ort/ort.wasm.bundle.min.mjs'];
/** The binaries, in the order in which the README says how large they are, in MB. */
const BINARIES = ['', '.jspi', '.asyncify'].map((build) => `ort/ort-wasm-simd-threaded${build}.wasm`);
const FIRST_VISIT = /fetches (\d+) kB of scripts and ([\d.]+) MB of runtime.*?runtime is ([\d.]+) or ([\d.]+) MB/s;

const INDEX = '<!doctype html><link rel="icon" href="data:," /><script type="module" src="/main.ts"></script>';

/** What a front-end engineer writes: only documented names, no assertion, no cast. */
const MAIN = `import { createClient, isSdkError, type RunResult } from 'insitu';
import { InsituSentElement } from 'insitu/element';
import type { SyncOptions } from 'insitu/service-worker';

async function classify(pixels: number[]) {
  const client = createClient();
  try {
    const model = await client.load('/models/digits/model.json');
    const { outputs }: RunResult = await model.run({ image: { data: Float32Array.from(pixels), dims: [1, 1, 8, 8] } });
    const scores = Array.from(outputs['scores']?.data ?? [], Number);
    return { digit: scores.indexOf(Math.max(...scores)), threadCount: model.explain().threadCount, isolated: crossOriginIsolated };
  } catch (error) {
    if (isSdkError(error, 'asset-unreachable')) return { digit: -1, asset: error.details.asset, reason: error.details.reason };
    throw error;
  } finally {
    await client.close();
  }
}

const sync: SyncOptions = { collector: { url: 'https://insitu.example.org', key: 'app' } };
if (customElements.get('insitu-sent') === InsituSentElement) Object.assign(window, { classify, sync });
`;

/** The same as a classic script. */
const PLAIN_PAGE = (library: string) => `<!doctype html>
<link rel="icon" href="data:," />
<script src="${library}"${library.startsWith('/') ? '' : ' crossorigin'}></script>
<script>
  window.classify = async (pixels) => {
    const client = insitu.createClient();
    const model = await client.load('/models/digits/model.json');
    const { outputs } = await model.run({ image: { data: Float32Array.from(pixels), dims: [1, 1, 8, 8] } });
    const scores = Array.from(outputs.scores.data);
    await client.close();
    return { digit: scores.indexOf(Math.max(...scores)), isolated: crossOriginIsolated };
  };
</script>`;

function firstHeldOut(): { pixels: number[]; digit: number } {
  const { images, labels } = JSON.parse(readFileSync(join(root, 'models/digits/heldout.json'), 'utf8')) as {
    images: string;
    labels: string;
  };
  return { pixels: [...Buffer.from(images, 'base64').subarray(0, 64)], digit: Number(labels[0]) };
}

async function answersADigit(page: Page, url: string): Promise<Record<string, unknown>> {
  await page.goto(url);
  await page.waitFor('() => window.classify !== undefined', { timeoutMs: 60_000 });
  const { pixels, digit } = firstHeldOut();
  const answer = await page.evaluate<Record<string, unknown>>('(pixels) => window.classify(pixels)', pixels);
  expect(answer).toMatchObject({ digit });
  return answer;
}

async function withFolders(
  folders: Readonly<Record<string, string>>,
  headers: Headers,
  body: (server: FolderServer) => Promise<void>,
): Promise<void> {
  const server = await serveFolders(folders, headers);
  try {
    await body(server);
  } finally {
    await server.close();
  }
}

beforeAll(async () => {
  const isBuilt = ['insitu.js', 'node/cli.js', 'site/dashboard/index.html'].every((file) => existsSync(join(root, 'dist', file)));
  if (!isBuilt) execFileSync(process.execPath, [join(root, 'scripts/build.mjs')], { stdio: 'pipe' });
  const npm = (args: string[], cwd: string) =>
    execFileSync('npm', args, { cwd, encoding: 'utf8', env: { ...process.env, npm_config_loglevel: 'error' } });
  tarball = await packPackage(home);
  mkdirSync(join(app, 'public/models/digits'), { recursive: true });
  writeFileSync(join(app, 'package.json'), JSON.stringify({ name: 'app', private: true, type: 'module' }));
  writeFileSync(join(app, 'index.html'), INDEX);
  writeFileSync(join(app, 'main.ts'), MAIN);
  for (const file of ['model.json', 'digits.int8.onnx', 'digits.fp16.onnx', 'digits.fp32.onnx']) {
    cpSync(join(root, 'models/digits', file), join(app, 'public/models/digits', file));
  }
  npm(['install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts', tarball], app);
  mkdirSync(plain);
});

afterAll(() => removeFolder(home));

describe('the tarball', () => {
  test('publint finds no error and nothing to warn of', async () => {
    const file = readFileSync(tarball);
    const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer;
    const { messages } = await publint({ pkgDir: 'package', pack: { tarball: bytes }, level: 'warning' });
    expect(messages).toEqual([]);
  });

  test.each(Object.entries(SIZES))('%s has the gzip size that the README states, within 0.2 kB', (file, pattern) => {
    const stated = Number(pattern.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1]);
    const actual = gzipSync(readFileSync(join(installed, 'dist', file)), { level: 9 }).length / 1000;
    expect(Math.abs(stated - actual), `stated ${stated}, actual ${actual}`).toBeLessThan(0.2);
  });

  test('a first visit is as large as the README states, within 1 kB of scripts and 0.1 MB of runtime', () => {
    const [scripts, ...binaries] = (FIRST_VISIT.exec(readFileSync(join(root, 'README.md'), 'utf8')) ?? []).slice(1).map(Number);
    const bytesOf = (file: string) => gzipSync(readFileSync(join(installed, 'dist', file)), { level: 9 }).length;
    expect(Math.abs((scripts ?? 0) - FIRST_SCRIPTS.reduce((sum, file) => sum + bytesOf(file), 0) / 1e3)).toBeLessThan(1);
    BINARIES.forEach((file, index) => {
      expect(Math.abs((binaries[index] ?? 0) - bytesOf(file) / 1e6), file).toBeLessThan(0.1);
    });
  });

  test('installing it brings no other package: no server, no database, no second runtime', () => {
    expect(readdirSync(join(app, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['insitu']);
  });

  for (const moduleResolution of ['bundler', 'nodenext']) {
    test(`its types resolve with moduleResolution ${moduleResolution}, the libraries' own checked too`, () => {
      const module = moduleResolution === 'bundler' ? 'ESNext' : 'NodeNext';
      const compilerOptions = { target: 'ES2023', module, moduleResolution, lib: ['ES2023', 'DOM', 'DOM.Iterable'] };
      const config = join(app, `tsconfig.${moduleResolution}.json`);
      const strict = { strict: true, noUncheckedIndexedAccess: true, skipLibCheck: false, noEmit: true, types: [] };
      writeFileSync(config, JSON.stringify({ compilerOptions: { ...compilerOptions, ...strict }, files: ['main.ts'] }));
      const { stdout, status } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', config], {
        encoding: 'utf8',
      });
      expect([status, stdout]).toEqual([0, '']);
    });
  }
});

describe('the command', () => {
  const cli = (folder: string, ...args: string[]) =>
    spawnSync(process.execPath, [join(folder, 'node_modules/insitu/dist/node/cli.js'), ...args], { cwd: folder, encoding: 'utf8' });

  test('it starts without the packages that only a collector needs', () => {
    expect(cli(app, '--version')).toMatchObject({ status: 0, stderr: '' });
    expect(cli(app, 'schema')).toMatchObject({ status: 0, stderr: '' });
  });

  test('a collector without its packages says in one sentence what to install', () => {
    const { status, stderr } = cli(app, 'collector', '--port', '0');
    expect([status, stderr.trim().split('\n').length]).toEqual([1, 1]);
    const { peerDependencies } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      peerDependencies: Record<string, string>;
    };
    const named = /npm install (.*)$/.exec(stderr.trim())?.[1]?.split(' ') ?? [];
    const versions = Object.fromEntries(named.map((spec) => [spec.slice(0, spec.lastIndexOf('@')), spec.slice(spec.lastIndexOf('@') + 1)]));
    // sharp is asked for by what reads pictures, nodemailer by what sends mail, and by nothing else.
    const needed = Object.entries(peerDependencies).filter(([name]) => name !== 'sharp' && name !== 'nodemailer');
    expect(Object.keys(versions).sort()).toEqual(needed.map(([name]) => name).sort());
    for (const [name, range] of needed) expect(range.replace('^', '').startsWith(versions[name] as string)).toBe(true);
  });

  test('a collector beside its packages serves the dashboard, and the library to pages of any origin', async () => {
    const operator = join(home, 'operator');
    cpSync(installed, join(operator, 'node_modules/insitu'), { recursive: true });
    for (const name of ['hono', '@hono/node-server', '@duckdb/node-api']) {
      mkdirSync(dirname(join(operator, 'node_modules', name)), { recursive: true });
      symlinkSync(join(root, 'node_modules', name), join(operator, 'node_modules', name));
    }
    const args = ['node_modules/insitu/dist/node/cli.js', 'collector', '--json', '--port', '0'];
    const child = spawnGuarded(process.execPath, args, { cwd: operator, stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      const [line] = (await once(child.stdout as Readable, 'data')) as [Buffer];
      const { url } = JSON.parse(line.toString()) as { url: string };
      expect((await fetch(`${url}/dashboard/`)).status).toBe(200);
      const library = await fetch(`${url}/insitu/insitu.global.js`);
      expect([library.status, library.headers.get('cross-origin-resource-policy')]).toEqual([200, 'cross-origin']);
      expect(await library.text()).toBe(readFileSync(join(installed, 'dist/insitu.global.js'), 'utf8'));
    } finally {
      if (child.pid !== undefined) await killGroup(child.pid);
    }
  });

  test('a baseline needs nothing but the package', () => {
    const folder = join(home, 'digits');
    cpSync(join(app, 'public/models/digits'), folder, { recursive: true });
    cpSync(join(root, 'models/digits/validation.json'), join(folder, 'validation.json'));
    expect(cli(app, 'baseline', folder)).toMatchObject({ status: 0, stderr: '' });
    const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as unknown;
    expect(read(join(folder, 'baseline.json'))).toEqual(read(join(root, 'models/digits/baseline.json')));
  });
});

describe('a Vite application', () => {
  const isolations = [
    { title: 'isolated', headers: ISOLATION, isolated: true },
    { title: 'not isolated', headers: {}, isolated: false },
  ];

  beforeAll(async () => {
    await build({ root: app, configFile: false, logLevel: 'error', mode: 'production' });
  });

  for (const { title, headers, isolated } of isolations) {
    browserTest(`built and served ${title}, it answers a held-out digit`, async ({ page }) => {
      await withFolders({ '/': join(app, 'dist') }, headers, async (server) => {
        expect(await answersADigit(page, `${server.origin}/`)).toMatchObject({ isolated });
      });
    });
  }

  async function answersInDevelopment(page: Page, cacheName: string, options: InlineConfig): Promise<void> {
    const server = await createServer({
      ...{ root: app, configFile: false, logLevel: 'error', mode: 'development', cacheDir: join(home, cacheName) },
      server: { port: 0, host: '127.0.0.1' },
      ...options,
    });
    try {
      await server.listen();
      await answersADigit(page, server.resolvedUrls?.local[0] ?? '');
    } finally {
      await server.close();
    }
  }

  const engines = ['chromium', 'firefox'] as const;

  browserTest('its dev server bundles the package beforehand, and it answers a held-out digit', engines, async ({ page, target }) => {
    await answersInDevelopment(page, `bundled-${target}`, {});
    expect(existsSync(join(home, `bundled-${target}/deps/insitu.js`))).toBe(true);
  });

  browserTest('its dev server leaves the package as it is, and it answers a held-out digit', engines, async ({ page, target }) => {
    await answersInDevelopment(page, `excluded-${target}`, { optimizeDeps: { exclude: ['insitu'] } });
  });
});

describe('a webpack application', () => {
  // Of all bundlers it is the one that rewrites most.
  browserTest('built by its own command, it answers ten digits and has them counted', ['chromium'], async ({ browser }) => {
    await expectDelivery(browser, tarball, { name: 'webpack 5', mode: 'built', isolations: [false] });
  });
});

describe('a script tag', () => {
  const folders = { '/': plain, '/models/': join(app, 'public/models'), '/lib/': join(installed, 'dist') };

  browserTest('from its own origin, it answers a held-out digit', async ({ page }) => {
    writeFileSync(join(plain, 'own.html'), PLAIN_PAGE('/lib/insitu.global.js'));
    await withFolders(folders, {}, async (server) => {
      await answersADigit(page, `${server.origin}/own.html`);
    });
  });

  for (const { title, headers, isolated } of [
    { title: 'an isolated page', headers: ISOLATION, isolated: true },
    { title: 'a page that is not isolated', headers: {}, isolated: false },
  ]) {
    browserTest(`from another origin, on ${title}, it answers a held-out digit`, async ({ page }) => {
      await withFolders({ '/lib/': join(installed, 'dist') }, { ...SHARING, ...headers }, async (library) => {
        writeFileSync(join(plain, 'other.html'), PLAIN_PAGE(`${library.origin}/lib/insitu.global.js`));
        await withFolders({ '/': plain, '/models/': join(app, 'public/models') }, headers, async (server) => {
          expect(await answersADigit(page, `${server.origin}/other.html`)).toMatchObject({ isolated });
        });
      });
    });
  }
});
