/**
 * Canary hunt: a real page with secrets everywhere, a real client on it, and every byte that leaves or is stored.
 *
 * The page is one origin, everything of ours (library, worker, models, collector) another, so that each request that carries
 * a cookie, a referrer or a query is one that our code made so. Both are behind logging proxies.
 *
 * Searched: method, address, headers and body of each request; each record of IndexedDB when it is written and as it lies
 * there, Cache, Web Storage, cookies and private files; what page and worker write to their consoles and to the logger; each error's message, details and cause;
 * what `inspect()`, `status()`, `explain()` and `models.list()` say; the collector's own output and the files of its database.
 *
 * Left out: the two addresses that the application asked us to fetch, as the address of exactly that request; the page's own
 * document and what the page itself stored; outputs, which are the application's.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decodeBody } from '../../protocol/report/report.ts';
import type { Browser, Page } from './browsers.ts';
import { type Canaries, imageWithExif, plantedCanaries } from './canaries.ts';
import { CanarySearch, type Captured, type Find } from './canary-search.ts';
import { type CollectorProcess, startCollectorProcess } from './collector-process.ts';
import { type FaultProxy, type FaultRule, type LoggedRequest, startFaultProxy } from './fault-proxy.ts';
import { onnxModel } from './onnx-writer.ts';
import { StaticServer } from './static-server.ts';

const DIST = fileURLToPath(new URL('../../dist/', import.meta.url));
const ARRIVAL_MS_MAX = 30_000;
const WORKER_FILE = 'insitu.worker.js';

/** Files of the library by name; what is not named comes from dist/. */
export type LibraryFiles = Readonly<Record<string, string>>;

export type HuntPart = 'wrong runs' | 'loads' | 'return';
export const HUNT_PARTS: readonly HuntPart[] = ['wrong runs', 'loads', 'return'];

export interface Hunt {
  readonly finds: readonly Find[];
  readonly searchedBytes: number;
  /** What each step came to: `done` or an error's code. */
  readonly outcomes: Readonly<Record<string, string>>;
  /** Addresses of requests to anyone but the two servers. */
  readonly strays: readonly string[];
  /** Everywhere that something was captured. */
  readonly places: readonly string[];
  /** Those of them that are no place of ours. */
  readonly oddPlaces: readonly string[];
  readonly requestCount: number;
  readonly reportCount: number;
}

interface PageCapture {
  captured: ({ where: string; text: string } | { where: string; base64: string })[];
  outcomes: Record<string, string>;
  calls: string[];
  lines: string[];
}

/** Where hunts take place: one collector for all of them, secrets of its own for each, so that none finds another one's. */
export class HuntGround {
  private readonly collector: CollectorProcess;
  private seed = 0;

  private constructor(collector: CollectorProcess) {
    this.collector = collector;
  }

  static async open(): Promise<HuntGround> {
    return new HuntGround(await startCollectorProcess());
  }

  close(): Promise<void> {
    return this.collector.close();
  }

  /** A visit and, with the part `return`, a second one, on origins that no hunt before has used. */
  async hunt(browser: Browser, library: LibraryFiles = {}, parts: readonly HuntPart[] = HUNT_PARTS): Promise<Hunt> {
    const canaries = this.plant();
    return this.onFreshOrigins(browser, library, async (page, site, ours) => {
      const order = await orderOf(canaries, ours.url, parts);
      const pages: PageCapture[] = [];
      const consoles: string[] = [];
      for (const _ of parts.includes('return') ? [1, 2] : [1]) {
        const visited = await enter(page, site.url, canaries, order);
        pages.push(await visited.evaluate<PageCapture>('(order) => visit(order)', order));
        consoles.push(...visited.consoleLines);
      }
      return this.judge(canaries, pages, consoles, site, ours);
    });
  }

  /** The counts that left for each image, in words that can be compared. */
  async countsOf(browser: Browser, images: readonly (readonly number[])[], library: LibraryFiles = {}): Promise<string[]> {
    const canaries = this.plant();
    return this.onFreshOrigins(browser, library, async (page, site, ours) => {
      await enter(page, site.url, canaries, await orderOf(canaries, ours.url, []));
      const counts: string[] = [];
      for (const image of images) {
        const before = ours.log.length;
        await page.evaluate('(order, image) => countRuns(order, image)', { base: ours.url }, image);
        counts.push(ours.log.slice(before).map(countsIn).join(''));
      }
      return counts;
    });
  }

  private async onFreshOrigins<T>(
    browser: Browser,
    library: LibraryFiles,
    body: (page: Page, site: FaultProxy, ours: FaultProxy) => Promise<T>,
  ): Promise<T> {
    const files = await StaticServer.start();
    const site = await startFaultProxy(files.origin);
    const ours = await startFaultProxy(this.collector.url, [...libraryRules(library), ...oddFileRules()]);
    const page = await browser.newPage();
    try {
      return await body(page, site, ours);
    } finally {
      await page.close();
      await Promise.all([site.close(), ours.close()]);
      await files.close();
    }
  }

  private plant(): Canaries {
    this.seed++;
    return plantedCanaries(this.seed);
  }

  private judge(canaries: Canaries, pages: readonly PageCapture[], consoles: readonly string[], site: FaultProxy, ours: FaultProxy): Hunt {
    const { texts } = canaries;
    const asked = new Map([
      ['/models/digits/model.json', texts['signed-manifest']],
      ['/models/digits/digits.fp32.onnx', texts['signed-model']],
      ['/models/missing.onnx', texts['signed-missing']],
      ['/models/missing/model.json', texts['signed-missing']],
      ...ODD_FILES.map(({ path }) => [path, texts['signed-pointer']] as const),
    ]);
    const isAsked = (url: string) => {
      const { pathname } = new URL(url, ours.url);
      const secret = asked.get(pathname);
      return secret !== undefined && url === `${pathname}?signature=${encodeURIComponent(secret)}`;
    };
    const captured: Captured[] = [
      ...pages.flatMap((page) => toCaptured(page.captured)),
      ...consoles.map((line) => text('console', line)),
      ...site.log.filter(({ url }) => !url.startsWith('/pages/canary.')).flatMap((request) => requestParts('page', request, false)),
      ...ours.log.flatMap((request) => requestParts('library', request, isAsked(request.url))),
      text('collector output', this.collector.errorText),
      ...filesIn(this.collector.dataDir),
    ];
    const search = new CanarySearch(canaries.all);
    const finds = search.search(captured);
    const origins = [site.url, ours.url];
    const places = [...new Set(captured.map(({ where }) => where))];
    return {
      finds,
      searchedBytes: search.searchedBytes,
      outcomes: Object.assign({}, ...pages.map(({ outcomes }) => outcomes)),
      strays: pages.flatMap(({ calls }) => calls).filter((url) => !origins.includes(new URL(url, site.url).origin)),
      places,
      oddPlaces: places.filter((where) => ODD_PLACE.test(where)),
      requestCount: site.log.length + ours.log.length,
      reportCount: ours.log.filter(({ url }) => url.startsWith('/v1/report/')).length,
    };
  }
}

/** Comes from an address that is a secret to one that is. */
async function enter(page: Page, site: string, { texts }: Canaries, order: object): Promise<Page> {
  const address = (query: string) => `${site}/pages/canary.html?q=${encodeURIComponent(query)}`;
  await page.goto(address(texts.referrer));
  await page.evaluate(
    '(url) => void setTimeout(() => { location.href = url; }, 0)',
    `${address(texts['url-query'])}#${texts['url-fragment']}`,
  );
  await untilArrived(page);
  const planted = await page.evaluate<Record<string, string>>('(order) => plant(order)', order);
  for (const [place, value] of Object.entries(planted))
    if (value.length < 20) throw new Error(`nothing was planted in ${place}: "${value}"`);
  return page;
}

async function orderOf({ texts, floats, refusedFloats, index }: Canaries, base: string, parts: readonly HuntPart[]) {
  const image = Buffer.from(await imageWithExif(texts.exif)).toString('base64');
  return { base, parts, texts, floats, refusedFloats, index, image, table: Buffer.from(TABLE_LOOKUP).toString('base64') };
}

/** A page that navigates answers nothing, or an error of the driver's, until it has arrived. */
async function untilArrived(page: Page): Promise<void> {
  const isThere = () => page.evaluate<boolean>('window.ready === true && location.hash !== ""').catch(() => false);
  for (const endMs = performance.now() + ARRIVAL_MS_MAX; !(await isThere()); ) {
    if (performance.now() > endMs) throw new Error('the page did not arrive at its secret address');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Nothing of ours is kept anywhere but in our two databases. */
const ODD_PLACE = /^(localStorage|sessionStorage|cache |private files|IndexedDB (?!insitu-(telemetry|models) ))/;

/** The runtime refuses an index outside of the table, and its words name it. */
const TABLE_LOOKUP = onnxModel(
  [
    { name: 'table', dims: [4] },
    { name: 'index', dims: [1], type: 'int64' },
  ],
  [{ operator: 'Gather', inputs: ['table', 'index'], output: 'row' }],
  [{ name: 'row', dims: [1] }],
);

const ODD_FILES = [
  {
    path: '/canary/pointer.onnx',
    type: 'application/octet-stream',
    body: 'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n',
  },
  { path: '/canary/noise.onnx', type: 'application/octet-stream', body: 'this is no protobuf at all, and no signature either' },
  { path: '/canary/page.json', type: 'text/html', body: '<!doctype html><title>Sign in</title>' },
  { path: '/canary/model.json', type: 'application/json', body: '{"schema":1,"name":"none"}' },
] as const;

function answerRule(path: string, type: string, body: string): FaultRule {
  const headers = { 'content-type': type, 'cross-origin-resource-policy': 'cross-origin', 'cross-origin-embedder-policy': 'require-corp' };
  return { match: (request) => request.url.split('?', 1)[0] === path, action: { kind: 'status', status: 200, headers, body } };
}

function oddFileRules(): FaultRule[] {
  return ODD_FILES.map(({ path, type, body }) => answerRule(path, type, body));
}

/** In front of the worker's script: what it writes, what it stores and whom it calls is told to the page, since no driver shows it in all engines. */
const WORKER_PRELUDE = `{
  const channel = new BroadcastChannel('canary');
  const tell = (message) => {
    try { channel.postMessage(message); } catch { channel.postMessage({ ...message, line: String(message.line) }); }
  };
  for (const level of ['debug', 'log', 'info', 'warn', 'error']) console[level] = (...line) => tell({ level, line });
  for (const name of ['put', 'add']) {
    const plain = IDBObjectStore.prototype[name];
    IDBObjectStore.prototype[name] = function (...stored) {
      tell({ place: this.transaction.db.name + ' ' + this.name, stored });
      return plain.apply(this, stored);
    };
  }
  const plainFetch = self.fetch.bind(self);
  self.fetch = (input, init) => {
    tell({ fetched: input instanceof Request ? input.url : String(input) });
    return plainFetch(input, init);
  };
}
`;

function libraryRules(library: LibraryFiles): FaultRule[] {
  const worker = library[WORKER_FILE] ?? readFileSync(join(DIST, WORKER_FILE), 'utf8');
  return Object.entries({ ...library, [WORKER_FILE]: WORKER_PRELUDE + worker }).map(([name, code]) =>
    answerRule(`/insitu/${name}`, 'text/javascript', code),
  );
}

function text(where: string, value: string): Captured {
  return { where, bytes: Buffer.from(value) };
}

/** Texts of one place in one piece; bytes each for itself, because they may be compressed. */
function toCaptured(pieces: PageCapture['captured']): Captured[] {
  const texts = new Map<string, string[]>();
  const captured: Captured[] = [];
  for (const piece of pieces) {
    if ('base64' in piece) captured.push({ where: piece.where, bytes: Buffer.from(piece.base64, 'base64') });
    else texts.set(piece.where, [...(texts.get(piece.where) ?? []), piece.text]);
  }
  return [...captured, ...[...texts].map(([where, lines]) => text(where, lines.join('\n')))];
}

function requestParts(origin: string, { method, url, headers, body }: LoggedRequest, isAsked: boolean): Captured[] {
  const where = `${origin} request ${method} ${url.split('?', 1)[0]}`;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`);
  return [
    text(`${where}, headers`, lines.join('\n')),
    { where: `${where}, body`, bytes: body },
    ...(isAsked ? [] : [text(where, `${method} ${url}`)]),
  ];
}

function filesIn(folder: string): Captured[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => ({ where: `collector file ${entry.name}`, bytes: readFileSync(join(entry.parentPath, entry.name)) }));
}

/** Of a data report: its cells and counts, without the random id. */
function countsIn({ url, body }: LoggedRequest): string {
  const verdict = url.startsWith('/v1/report/') ? decodeBody(body) : null;
  if (verdict?.ok !== true) return '';
  return verdict.body.windows
    .filter(({ report }) => report === 'data')
    .map(({ runs, segment, arm, cells, counts }) => `${runs} ${segment} ${arm} ${cells.join()} ${counts.join()}\n`)
    .join('');
}
