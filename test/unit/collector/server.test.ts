/**
 * The collector's HTTP surface, over its real store: what each request is answered with, and what is stored then.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Collector, type CollectorOptions, startCollector } from '../../../collector/index.ts';
import { BODY_BYTES_MAX, LIVE_LISTENER_COUNT_MAX, RETRY_AFTER_UNKNOWN_S } from '../../../protocol/limits.ts';
import type { ModelDetail, PlanDocument, Series } from '../../../protocol/read/read-api.ts';
import { ANSWER_HEADER } from '../../../protocol/report/answer.ts';
import { UNKNOWN_MODEL_VERSION, type Window } from '../../../protocol/report/window.ts';
import {
  bodyOf,
  DATA_PLAN,
  DATA_PLAN_HASH,
  dataWindow,
  MODEL_VERSION,
  manifestText,
  NOW_MS,
  softwareWindow,
  versionOf,
} from '../../fixtures/reports.ts';

declare const __RELEASE__: string;
const RELEASE = __RELEASE__;
const ADMIN_KEY = 'the-admin-key';

let folder: string;
let collector: Collector;
let sentences: string[];

async function start(options: CollectorOptions = {}): Promise<Collector> {
  sentences = [];
  return startCollector({
    ...{ port: 0, dataFolder: join(folder, 'data'), modelsFolder: join(folder, 'models'), adminKey: ADMIN_KEY },
    ...{ siteFolder: join(folder, 'site'), libraryFolder: join(folder, 'library'), now: () => NOW_MS },
    log: (sentence) => sentences.push(sentence),
    ...options,
  });
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'insitu-server-'));
  await mkdir(join(folder, 'models', 'fixture'), { recursive: true });
  await writeFile(join(folder, 'models', 'fixture', 'model.json'), manifestText());
  collector = await start();
});
afterEach(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

function post(body: Uint8Array<ArrayBuffer>, key = 'demo'): Promise<Response> {
  return fetch(`${collector.url}/v1/report/${key}`, { method: 'POST', body });
}

function register(json: unknown, key = ADMIN_KEY): Promise<Response> {
  const init = { method: 'POST', headers: { Authorization: `Bearer ${key}` }, body: JSON.stringify(json) };
  return fetch(`${collector.url}/v1/models`, init);
}

async function series(modelVersion = MODEL_VERSION): Promise<Series> {
  return (await (await fetch(`${collector.url}/v1/series?model=${modelVersion}&hours=192`)).json()) as Series;
}

/** Data reports of the fixture model that were counted. */
async function countedReports(): Promise<number> {
  return (await series()).totals.reduce((sum, total) => sum + total.reports, 0);
}

describe('reports', () => {
  test('a report is answered with an empty 204 after it is in the sums', async () => {
    const response = await post(bodyOf([dataWindow(), softwareWindow()]));
    expect(response.status).toBe(204);
    expect(await response.text()).toBe('');
    const { totals, data, software } = await series();
    expect(totals).toMatchObject([
      { report: 'data', reports: 1, runs: 8 },
      { report: 'software', reports: 1, runs: 0 },
    ]);
    expect(data).toMatchObject([
      { cell: 2, count: 8 },
      { cell: 8, count: 8 },
    ]);
    expect(software).toMatchObject([{ cell: 2, count: 1 }]);
  });

  const refusals: readonly [string, Uint8Array<ArrayBuffer>, string, number, RegExp | null][] = [
    ['bytes that are no report', Uint8Array.of(1, 2, 3), 'demo', 400, /^A report was refused: the bytes are no report\. /],
    ['an empty body', new Uint8Array(), 'demo', 400, null],
    ['a good window beside a bad one', bodyOf([dataWindow(), dataWindow({ runs: 7 })]), 'demo', 400, /^A report was refused: no page can /],
    ['an unknown write key', bodyOf([dataWindow()]), 'other', 403, /^A report was refused: the write key is unknown here\. /],
    [
      'an hour long ago',
      bodyOf([dataWindow({ hour: 1 })]),
      'demo',
      410,
      /^A report was refused: the hour was over for more than 7 days\. /,
    ],
    ['a body that is too long', new Uint8Array(BODY_BYTES_MAX + 1), 'demo', 413, /^A report was refused: a report has at most 32768 bytes/],
    [
      'an unknown model version',
      bodyOf([dataWindow()], '1'.repeat(16)),
      'demo',
      503,
      /^A report of model version 1{16} came, which is not /,
    ],
    [
      'an unknown plan',
      bodyOf([dataWindow({ plan: '1'.repeat(16) })]),
      'demo',
      503,
      /^A report of model version [0-9a-f]{16} came by plan 1{16}, /,
    ],
  ];
  for (const [what, body, key, status, told] of refusals) {
    test(`${what}: ${status}, a sentence, nothing stored, and ${told === null ? 'nothing' : 'one sentence'} in the log`, async () => {
      for (let count = 0; count < 2; count++) {
        const response = await post(body, key);
        expect(response.status).toBe(status);
        expect(response.headers.get('retry-after')).toBe(status === 503 ? String(RETRY_AFTER_UNKNOWN_S) : null);
        expect(response.headers.get(ANSWER_HEADER)?.endsWith('unregistered')).toBe(status === 503);
        expect(await response.text()).toMatch(/^[A-Z`].*\.$/);
      }
      expect(await countedReports()).toBe(0);
      expect(sentences).toEqual(told === null ? [] : [expect.stringMatching(told)]);
    });
  }

  test('software about a manifest that could not be read is heard', async () => {
    expect((await post(bodyOf([softwareWindow()], UNKNOWN_MODEL_VERSION))).status).toBe(204);
    expect((await series(UNKNOWN_MODEL_VERSION)).software).toMatchObject([{ cell: 2, count: 1 }]);
  });

  test('the same window counts once: in one body, in a second one, and in twenty at a time', async () => {
    const window = dataWindow();
    expect((await post(bodyOf([window, window]))).status).toBe(204);
    expect((await post(bodyOf([window]))).status).toBe(204);
    expect(await countedReports()).toBe(1);
    const other = bodyOf([dataWindow()]);
    const responses = await Promise.all(Array.from({ length: 20 }, () => post(other)));
    expect(new Set(responses.map((response) => response.status))).toEqual(new Set([204]));
    expect(await countedReports()).toBe(2);
  });

  test('a report is CORS-simple: any origin reads its status, and its answer may be cached', async () => {
    for (const response of [await post(bodyOf([dataWindow()])), await post(new Uint8Array(1)), await post(new Uint8Array(1), 'other')]) {
      expect(response.headers.get('access-control-allow-origin')).toBe('*');
      expect(response.headers.get('access-control-expose-headers')).toBe('Retry-After, Insitu-Answer');
      expect(response.headers.get('cache-control') ?? '').not.toContain('no-store');
      expect(response.headers.get('set-cookie')).toBeNull();
    }
    const preflight = await fetch(`${collector.url}/v1/report/demo`, { method: 'OPTIONS' });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-methods')).toBe('POST');
  });

  test('a body that is too long is refused before it has arrived', async () => {
    const { hostname, port } = new URL(collector.url);
    for (const [framing, start] of [
      [`Content-Length: ${10 * BODY_BYTES_MAX}`, 'x'],
      ['Transfer-Encoding: chunked', `${(2 * BODY_BYTES_MAX).toString(16)}\r\n${'x'.repeat(BODY_BYTES_MAX + 1)}`],
    ]) {
      const socket = connect(Number(port), hostname);
      socket.write(`POST /v1/report/demo HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n${start}`);
      const answer = await new Promise<string>((resolve) => socket.once('data', (bytes) => resolve(bytes.toString())));
      expect(answer).toMatch(/^HTTP\/1\.1 413 /);
      socket.destroy();
    }
  });

  test('write keys are those that were configured', async () => {
    await collector.close();
    collector = await start({ writeKeys: ['one', 'two'] });
    const statuses = [];
    for (const key of ['one', 'two', 'demo', '']) statuses.push((await post(bodyOf([dataWindow()]), key)).status);
    expect(statuses).toEqual([204, 204, 403, 404]);
  });
});

describe('registration', () => {
  const late = manifestText('late');
  const lateVersion = versionOf(late);
  const baseline = { modelVersion: lateVersion, plan: DATA_PLAN_HASH, n: 100, cells: [0, 6], counts: [100, 100] };

  test('reports of a model wait for its registration and are counted after it', async () => {
    const body = bodyOf([dataWindow()], lateVersion);
    expect((await post(body)).status).toBe(503);
    const response = await register({ manifest: late, baseline });
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({ modelVersion: lateVersion, plan: DATA_PLAN_HASH, name: 'late', baselineRuns: 100 });
    expect((await post(body)).status).toBe(204);
    expect((await series(lateVersion)).totals).toMatchObject([{ reports: 1 }]);
  });

  test('a registration and the sums are there after a restart; models of the folder are not registered twice', async () => {
    await register({ manifest: late, baseline });
    await post(bodyOf([dataWindow()], lateVersion));
    const before = await (await fetch(`${collector.url}/v1/models`)).json();
    await collector.close();
    collector = await start();
    expect(await (await fetch(`${collector.url}/v1/models`)).json()).toEqual(before);
    expect((await series(lateVersion)).totals).toMatchObject([{ reports: 1 }]);
    expect(await (await fetch(`${collector.url}/v1/models/${lateVersion}`)).json()).toEqual({
      ...{ manifest: JSON.parse(late), baseline, modelVersion: lateVersion, plan: DATA_PLAN_HASH },
      plans: expect.arrayContaining([{ hash: DATA_PLAN_HASH, report: 'data', release: RELEASE, isPresent: true }]),
    });
  });

  test('a baseline of another plan is left out, with a sentence in the answer; the model is registered', async () => {
    const response = await register({ manifest: late, baseline: { ...baseline, plan: '0'.repeat(16) } });
    expect(response.status).toBe(201);
    expect(await response.json()).toMatchObject({
      ...{ modelVersion: lateVersion, baselineRuns: 0 },
      baselineLeftOut: `The baseline was left out: it was counted by plan ${'0'.repeat(16)}, and this release counts by plan ${DATA_PLAN_HASH}. Count it again with insitu baseline.`,
    });
    expect((await post(bodyOf([dataWindow()], lateVersion))).status).toBe(204);
  });

  test('every plan of a model can be read, and one that it does not have is a 404', async () => {
    const { plans } = (await (await fetch(`${collector.url}/v1/models/${MODEL_VERSION}`)).json()) as ModelDetail;
    expect(plans.map(({ report, isPresent }) => `${report} ${isPresent}`).sort()).toEqual([
      ...['data true', 'noised true', 'software false', 'software true'],
    ]);
    for (const entry of plans) {
      const document = await (await fetch(`${collector.url}/v1/models/${MODEL_VERSION}/plans/${entry.hash}`)).json();
      expect(document).toMatchObject({ ...entry, plan: { report: entry.report } });
    }
    const dataPlan = await (await fetch(`${collector.url}/v1/models/${MODEL_VERSION}/plans/${DATA_PLAN_HASH}`)).json();
    expect((dataPlan as PlanDocument).plan).toEqual(DATA_PLAN);
    for (const path of [`${MODEL_VERSION}/plans/0`, `${'1'.repeat(16)}/plans/${DATA_PLAN_HASH}`]) {
      expect((await fetch(`${collector.url}/v1/models/${path}`)).status).toBe(404);
    }
  });

  test('a second registration re-bases a model; one without a baseline keeps it', async () => {
    await register({ manifest: late, baseline });
    await register({ manifest: late, baseline: { ...baseline, n: 200 } });
    await register({ manifest: late, baseline: null });
    const models = (await (await fetch(`${collector.url}/v1/models`)).json()) as readonly { name: string; baselineRuns: number }[];
    expect(models.filter(({ name }) => name === 'late')).toMatchObject([{ baselineRuns: 200 }]);
  });

  test('without the admin key nothing is registered', async () => {
    const headerless = await fetch(`${collector.url}/v1/models`, { method: 'POST', body: JSON.stringify({ manifest: late }) });
    for (const response of [headerless, await register({ manifest: late }, 'wrong'), await register({ manifest: late }, '')]) {
      expect(response.status).toBe(401);
    }
    expect(collector.modelCount).toBe(1);
  });

  const faults: readonly [string, unknown][] = [
    ['no object', 7],
    ['no manifest', { baseline }],
    ['a manifest that is no JSON', { manifest: '{' }],
    ['a manifest with a key that the schema does not know', { manifest: late.replace('{', '{"extra":1,') }],
    ['a baseline of another version', { manifest: manifestText('later'), baseline }],
    ['a baseline whose plan is no hash', { manifest: late, baseline: { ...baseline, plan: 'x' } }],
    ['plans that are no list', { manifest: late, plans: {} }],
    ['a baseline with a cell behind the plan', { manifest: late, baseline: { ...baseline, cells: [0, DATA_PLAN.cellCount] } }],
    ['a baseline whose cells do not rise', { manifest: late, baseline: { ...baseline, cells: [6, 0] } }],
    ['a baseline with fewer counts than cells', { manifest: late, baseline: { ...baseline, counts: [1] } }],
    ['a baseline with a negative count', { manifest: late, baseline: { ...baseline, counts: [-1, 1] } }],
    ['a baseline of nothing', { manifest: late, baseline: { ...baseline, n: 0 } }],
  ];
  for (const [what, json] of faults) {
    test(`${what}: 400 and a sentence`, async () => {
      const response = await register(json);
      expect(response.status).toBe(400);
      expect(await response.text()).toMatch(/^[A-Z].*\.$/);
      expect(collector.modelCount).toBe(1);
    });
  }

  test('a folder model with a foreign baseline is registered without it, with a sentence; one that is no model costs a sentence', async () => {
    await collector.close();
    await writeFile(join(folder, 'models', 'fixture', 'baseline.json'), JSON.stringify(baseline));
    await mkdir(join(folder, 'models', 'broken'));
    await writeFile(join(folder, 'models', 'broken', 'model.json'), '{"schema":2}');
    collector = await start();
    expect(collector.modelCount).toBe(1);
    expect(sentences.sort()).toEqual([
      expect.stringMatching(/broken: The manifest is not usable: schema.*Its reports wait until it is registered\.$/),
      expect.stringMatching(/fixture: The baseline is not usable: .*It was registered without a baseline\.$/),
    ]);
  });
});

describe('reading', () => {
  test('series refuses what is no model version and no number of hours', async () => {
    for (const query of ['', '?model=x', `?model=${MODEL_VERSION}&hours=0`, `?model=${MODEL_VERSION}&hours=1.5`]) {
      expect((await fetch(`${collector.url}/v1/series${query}`)).status).toBe(400);
    }
    expect((await fetch(`${collector.url}/v1/models/0`)).status).toBe(404);
    expect((await fetch(`${collector.url}/v1/nothing`)).status).toBe(404);
  });

  test('health names the release and the number of models', async () => {
    const health = await (await fetch(`${collector.url}/v1/health`)).json();
    expect(health).toEqual({ ok: true, release: RELEASE, models: 1, uptimeS: 0 });
  });

  test('a commit is told live, and nothing of what it counted; a duplicate is not', async () => {
    const response = await fetch(`${collector.url}/v1/live`);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const window = dataWindow();
    await post(bodyOf([window, window, dataWindow()]));
    let text = '';
    while (!text.includes('commit')) text += new TextDecoder().decode((await reader.read()).value);
    expect(text).toContain(`event: commit\ndata: ${JSON.stringify({ modelVersion: MODEL_VERSION })}\n\n`);
    await reader.cancel();
  });

  test(`listener ${LIVE_LISTENER_COUNT_MAX + 1} takes the place of the one that is there longest`, async () => {
    const listen = async () => ((await fetch(`${collector.url}/v1/live`)).body as ReadableStream<Uint8Array>).getReader();
    const listeners = [];
    for (let count = 0; count <= LIVE_LISTENER_COUNT_MAX; count++) listeners.push(await listen());
    const [longest, second] = listeners as [(typeof listeners)[number], (typeof listeners)[number]];
    expect((await longest.read()).done).toBe(false);
    expect((await longest.read()).done).toBe(true);
    await second.read();
    await post(bodyOf([dataWindow()]));
    expect(new TextDecoder().decode((await second.read()).value)).toContain('event: commit');
    for (const listener of listeners) await listener.cancel();
  });

  test('closing ends a live stream', async () => {
    const response = await fetch(`${collector.url}/v1/live`);
    const text = response.text();
    await collector.close();
    expect(await text).toBe(':\n\n');
  });
});

describe('starting and stopping', () => {
  test('a busy port is refused with a sentence, and the database is free again', async () => {
    const port = Number(new URL(collector.url).port);
    const dataFolder = join(folder, 'second');
    await expect(start({ port, dataFolder })).rejects.toThrow(
      `Port ${port} is in use. Stop what listens there, or choose another one with --port.`,
    );
    await (await start({ dataFolder })).close();
  });

  test('a models folder that is not there is refused with a sentence', async () => {
    const options = { modelsFolder: join(folder, 'absent'), dataFolder: join(folder, 'second') };
    await expect(start(options)).rejects.toThrow(/absent cannot be read \(ENOENT\).*--models/);
  });

  test('a generated admin key is kept, is readable by its owner only, and opens the registration', async () => {
    const dataFolder = join(folder, 'keyed');
    const options: CollectorOptions = { port: 0, dataFolder, now: () => NOW_MS };
    await (await startCollector(options)).close();
    const file = join(dataFolder, 'admin-key');
    const key = (await readFile(file, 'utf8')).trim();
    // Windows has no such bits; there a file is as private as its folder.
    if (process.platform !== 'win32') expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(key).toMatch(/^[0-9a-f]{48}$/);
    await collector.close();
    collector = await startCollector(options);
    expect((await register({ manifest: manifestText() }, key)).status).toBe(201);
  });

  // Goal: stopping loses no answered report and counts no refused one. Method: posts in flight while it closes; the sums
  // of the reopened store equal the number of 204s.
  test('every report that was answered with 204 while the collector stopped is in the sums', async () => {
    const bodies = Array.from({ length: 300 }, () => bodyOf([dataWindow()]));
    const answers = bodies.map((body) =>
      post(body).then(
        (response) => response.status,
        () => 0,
      ),
    );
    await answers[0];
    await collector.close();
    const committed = (await Promise.all(answers)).filter((status) => status === 204).length;
    expect(committed).toBeGreaterThan(0);
    collector = await start();
    expect(await countedReports()).toBe(committed);
  });
});

test('nothing that a request carries besides counts is in the data folder', async () => {
  const canary = 'canary-4711';
  const headers = { 'User-Agent': canary, Referer: `https://${canary}.example/`, Cookie: canary, 'X-Forwarded-For': canary };
  const body = bodyOf([dataWindow()] satisfies Window[]);
  await fetch(`${collector.url}/v1/report/demo?${canary}`, { method: 'POST', body, headers });
  await fetch(`${collector.url}/v1/report/${canary}`, { method: 'POST', body, headers });
  await collector.close();
  for (const name of await readdir(join(folder, 'data'))) {
    const bytes = await readFile(join(folder, 'data', name));
    expect(bytes.includes(canary), name).toBe(false);
    expect(bytes.includes('127.0.0.1'), name).toBe(false);
  }
  expect(sentences).toEqual([expect.stringMatching(/^A report was refused: the write key is unknown here\./)]);
});
