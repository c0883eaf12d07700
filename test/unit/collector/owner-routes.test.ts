/**
 * What the owner asks over HTTP, of a whole collector on its real store with a clock that the test moves.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Collector, type CollectorOptions, startCollector } from '../../../collector/index.ts';
import { RULE_BYTES_MAX, RULE_COUNT_MAX } from '../../../protocol/alarm-limits.ts';
import type { AuditEntry, IncidentDetail, IncidentList, RuleEntry, TargetEntry } from '../../../protocol/read/incidents.ts';
import type { MonitoringList, Votes } from '../../../protocol/read/monitoring.ts';
import type { Notification } from '../../../protocol/read/notification.ts';
import { type Receiver, startReceiver } from '../../fixtures/receiver.ts';
import { bodyOf, MODEL_VERSION, manifestText, NOW_MS, SOFTWARE_PLAN_HASH, softwareWindow } from '../../fixtures/reports.ts';

const KEY = 'the-admin-key';
const MINUTE_MS = 60_000;
const FAILED: Readonly<Record<string, unknown>> = {
  ...{ model: 'fixture', metric: 'load.outcome', statistic: 'share', cells: ['failed'], comparison: 'above', value: 0.5, minutes: 1 },
};

let folder: string;
let collector: Collector;
let nowMs: number;
let sentences: string[];

async function start(options: CollectorOptions = {}): Promise<void> {
  sentences = [];
  collector = await startCollector({
    ...{ port: 0, dataFolder: join(folder, 'data'), modelsFolder: join(folder, 'models'), adminKey: KEY, now: () => nowMs },
    ...{ siteFolder: folder, libraryFolder: folder, log: (sentence: string) => sentences.push(sentence), ...options },
  });
}

beforeEach(async () => {
  nowMs = NOW_MS;
  folder = await mkdtemp(join(tmpdir(), 'insitu-owner-'));
  await mkdir(join(folder, 'models', 'fixture'), { recursive: true });
  await writeFile(join(folder, 'models', 'fixture', 'model.json'), manifestText());
});
afterEach(async () => {
  await collector.close();
  await rm(folder, { recursive: true });
});

function ask(method: string, path: string, body?: unknown, key = KEY): Promise<Response> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
  return fetch(collector.url + path, {
    method,
    headers: { Authorization: `Bearer ${key}` },
    ...(text === undefined ? {} : { body: text }),
  });
}
const get = async <T>(path: string): Promise<T> => (await (await ask('GET', path)).json()) as T;
const refusal = async (response: Response) => [response.status, response.headers.get('insitu-error'), await response.text()];

/** Failed loads, in a report of the minute; then that minute is over, and the rules were judged. */
async function failingMinute(): Promise<void> {
  const judged = (await get<AuditEntry[]>('/v1/audit')).length;
  expect((await fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body: bodyOf([softwareWindow()]) })).status).toBe(204);
  nowMs += MINUTE_MS;
  while ((await get<AuditEntry[]>('/v1/audit')).length === judged) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('incidents', () => {
  test('a rule that is put while the collector runs opens an incident, which a person works on, over a restart', async () => {
    await start();
    expect((await ask('PUT', '/v1/rules/loads', FAILED)).status).toBe(201);
    nowMs += MINUTE_MS / 2;
    await failingMinute();
    const { incidents } = await get<IncidentList>('/v1/incidents?state=open');
    expect(incidents).toMatchObject([
      { modelVersion: MODEL_VERSION, state: 'open', metrics: [{ rule: 'loads', metric: 'load.outcome', value: 1 }] },
    ]);
    const id = incidents[0]?.id ?? '';
    const acted = (await (await ask('POST', `/v1/incidents/${id}`, { act: 'note', text: 'seen' })).json()) as IncidentDetail;
    expect(acted.audit.at(-1)).toMatchObject({ what: 'noted', by: 'admin', text: 'seen' });
    await collector.close();
    await start();
    expect((await get<IncidentDetail>(`/v1/incidents/${id}`)).audit).toEqual(acted.audit);
    expect(await get<RuleEntry[]>('/v1/rules')).toMatchObject([{ rule: { id: 'loads' }, origin: 'api', problem: null }]);
    expect((await ask('DELETE', '/v1/rules/loads')).status).toBe(204);
    expect((await get<AuditEntry[]>('/v1/audit'))[0]).toMatchObject({ what: 'rule-removed', by: 'admin', subject: 'loads' });
    nowMs += MINUTE_MS;
    while ((await get<IncidentList>('/v1/incidents?state=closed')).incidents.length === 0)
      await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await get<IncidentList>(`/v1/incidents?model=${MODEL_VERSION}`)).toMatchObject({ incidents: [{ closedBecause: 'recovered' }] });
    expect(sentences).toEqual([]);
  });

  test('what cannot be done is refused with a code and a sentence', async () => {
    await start();
    expect(await refusal(await ask('GET', '/v1/incidents?state=gone'))).toEqual([
      400,
      'query-invalid',
      expect.stringMatching(/open, recovering, closed/),
    ]);
    expect(await refusal(await ask('GET', `/v1/incidents/${'0'.repeat(32)}`))).toEqual([
      404,
      'incident-unknown',
      expect.stringMatching(/\.$/),
    ]);
    expect((await refusal(await ask('POST', `/v1/incidents/${'0'.repeat(32)}`, { act: 'acknowledge' }))).slice(0, 2)).toEqual([
      404,
      'incident-unknown',
    ]);
    expect(await refusal(await ask('POST', '/v1/incidents/x', '{'))).toEqual([400, 'body-invalid', 'The body is no JSON.']);
    expect((await refusal(await ask('POST', '/v1/incidents/x', 'x'.repeat(RULE_BYTES_MAX + 1)))).slice(0, 2)).toEqual([413, 'too-long']);
    expect((await refusal(await ask('PUT', '/v1/rules/Loads', FAILED))).slice(0, 2)).toEqual([400, 'rule-invalid']);
    expect(await refusal(await ask('PUT', '/v1/rules/x', { ...FAILED, metric: 'load.outcom' }))).toEqual([
      400,
      'rule-metric-unknown',
      expect.stringMatching(/"load.outcome"/),
    ]);
    expect(await refusal(await ask('PUT', '/v1/rules/x', { ...FAILED, cells: ['fialed'] }))).toEqual([
      400,
      'rule-cell-unknown',
      expect.stringMatching(/"failed"/),
    ]);
    expect((await refusal(await ask('DELETE', '/v1/rules/x'))).slice(0, 2)).toEqual([404, 'rule-unknown']);
  });

  test('what the monitor was given and says is answered, and a person says what is good', async () => {
    await start();
    expect(await get<MonitoringList>('/v1/monitoring')).toMatchObject({
      models: [{ modelVersion: MODEL_VERSION, verdict: 'not-enough-data', missingDays: 28, leftOutCount: 0 }],
    });
    const said = await ask('POST', `/v1/monitoring/${MODEL_VERSION}`, { act: 'accept', text: 'as in the lab' });
    expect(await said.json()).toMatchObject({ orders: [{ what: 'accepted', by: 'admin', text: 'as in the lab' }], streams: [] });
    expect((await get<AuditEntry[]>('/v1/audit'))[0]).toMatchObject({ what: 'baseline-accepted', subject: MODEL_VERSION });
    const hour = Math.floor(nowMs / 3_600_000);
    const query = `/v1/votes?model=${MODEL_VERSION}&plan=${SOFTWARE_PLAN_HASH}&cadence=day&from=${hour}&hours=1`;
    expect(await get<Votes>(query)).toEqual({ plan: SOFTWARE_PLAN_HASH, cadence: 'day', fromHour: hour, toHour: hour, slots: [] });
    for (const [method, path, status, code, body] of [
      ['GET', `/v1/monitoring/${'f'.repeat(16)}`, 404, 'model-unknown'],
      ['POST', `/v1/monitoring/${'f'.repeat(16)}`, 404, 'model-unknown', { act: 'accept' }],
      ['POST', `/v1/monitoring/${MODEL_VERSION}`, 400, 'body-invalid', { act: 'rebase', fromMs: 1 }],
      ['POST', `/v1/monitoring/${MODEL_VERSION}`, 400, 'metric-unknown', { act: 'rebase', metrics: ['output.nothing'] }],
      ['GET', query.replace('hours=1', 'hours=25'), 400, 'query-invalid'],
      ['GET', query.replace(SOFTWARE_PLAN_HASH, 'f'.repeat(16)), 404, 'plan-unknown'],
      ['GET', query.replace(MODEL_VERSION, 'f'.repeat(16)), 404, 'model-unknown'],
    ] as const) {
      expect((await refusal(await ask(method, path, body))).slice(0, 2)).toEqual([status, code]);
    }
  });

  test('a rule about a model is taken when one of its versions has the metric', async () => {
    await start();
    const later = JSON.parse(manifestText()) as { outputs: Record<string, unknown>[] };
    later.outputs[0] = { ...later.outputs[0], name: 'z' };
    const rule = { ...FAILED, metric: 'output.z.state', cells: ['nan'] };
    expect(await refusal(await ask('PUT', '/v1/rules/later', rule))).toEqual([
      400,
      'rule-metric-unknown',
      expect.stringMatching(/"output\.y\.state"/),
    ]);
    expect((await ask('POST', '/v1/models', { manifest: JSON.stringify(later) })).status).toBe(201);
    expect((await ask('PUT', '/v1/rules/later', rule)).status).toBe(201);
    expect(await get<RuleEntry[]>('/v1/rules')).toMatchObject([{ problem: null }]);
  });

  test('every address of the owner needs the key, also to read', async () => {
    await start();
    const asked: readonly [string, string][] = [
      ...(
        [
          '/v1/incidents',
          '/v1/incidents/x',
          '/v1/rules',
          '/v1/targets',
          '/v1/audit',
          '/v1/monitoring',
          '/v1/monitoring/x',
          '/v1/votes',
        ] as const
      ).map((path) => ['GET', path] as [string, string]),
      ...([
        ['POST', '/v1/incidents/x'],
        ['PUT', '/v1/rules/x'],
        ['DELETE', '/v1/rules/x'],
      ] as [string, string][]),
    ];
    for (const [method, path] of asked) {
      const response = await ask(method, path, method === 'GET' || method === 'DELETE' ? undefined : '{}', 'other');
      expect([method, path, ...(await refusal(response))]).toEqual([method, path, 401, 'key-missing', expect.stringMatching(/admin key/)]);
      expect(response.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  test(`rule ${RULE_COUNT_MAX + 1} is refused, and replacing one is not`, async () => {
    await start();
    for (let index = 0; index < RULE_COUNT_MAX; index++) expect((await ask('PUT', `/v1/rules/r${index}`, FAILED)).status).toBe(201);
    expect((await refusal(await ask('PUT', '/v1/rules/more', FAILED))).slice(0, 2)).toEqual([409, 'rules-full']);
    expect((await ask('PUT', '/v1/rules/r0', { ...FAILED, value: 0.6 })).status).toBe(200);
  });
});

describe('the configuration file', () => {
  let receiver: Receiver;
  beforeEach(async () => {
    receiver = await startReceiver();
  });
  afterEach(() => receiver.close());

  async function configure(config: unknown): Promise<string> {
    const file = join(folder, 'insitu.json');
    await writeFile(file, typeof config === 'string' ? config : JSON.stringify(config));
    return file;
  }

  test('its rules alarm, its targets are told, and its secrets are in no answer and no sentence', async () => {
    await writeFile(join(folder, 'secret'), 'a-secret-of-some-length\n');
    const targets = [{ name: 'ops', type: 'webhook', url: `${receiver.url}/hook`, secret: { file: 'secret' } }];
    receiver.status = 500;
    receiver.text = 'not now';
    await start({ configFile: await configure({ rules: { loads: FAILED }, targets }) });
    nowMs += MINUTE_MS;
    await failingMinute();
    await receiver.has(1);
    let entry: TargetEntry | undefined;
    while (!entry?.failure) [entry] = await get<TargetEntry[]>('/v1/targets');
    expect(entry).toMatchObject({ name: 'ops', waitingCount: 1, deliveredCount: 0, failure: { sentence: 'It answered 500: not now.' } });
    expect(sentences.join('\n')).toMatch(/^Target "ops" was not told of incident \w+: It answered 500: not now\. Again in \d s\.$/);
    expect(JSON.stringify([entry, sentences])).not.toMatch(/a-secret|127\.0\.0\.1/);
    expect((JSON.parse(receiver.received[0]?.body ?? '') as Notification).type).toBe('incident.opened');
    expect((await refusal(await ask('PUT', '/v1/rules/loads', FAILED))).slice(0, 2)).toEqual([409, 'rule-of-file']);
    expect((await refusal(await ask('DELETE', '/v1/rules/loads'))).slice(0, 2)).toEqual([409, 'rule-of-file']);
  });

  test('a rule about what is not there costs a sentence, and is told in its entry', async () => {
    const rules = { one: { ...FAILED, model: 'later' }, other: { ...FAILED, metric: 'load.outcom' } };
    await start({ configFile: await configure({ rules }) });
    expect(sentences).toEqual([
      'Rule "one" cannot alarm: No model "later" is registered.',
      expect.stringMatching(/^Rule "other" cannot alarm: .*"load\.outcome"/),
    ]);
    expect((await get<RuleEntry[]>('/v1/rules')).map(({ problem }) => problem === null)).toEqual([false, false]);
  });

  const wrong: readonly [unknown, RegExp][] = [
    ['{', /is no JSON/],
    [[], /must hold one JSON object/],
    [{ rule: {} }, /has no field "rule"/],
    [{ rules: [] }, /"rules" in .* must be an object/],
    [{ rules: { slow: {} } }, /rule "slow": "model" must be/],
    [{ targets: {} }, /"targets" must be a list/],
    [{ targets: [{ name: 'x', type: 'pigeon' }] }, /"type" must be one of/],
  ];
  test.each(wrong)('%j ends the start with a sentence, and leaves nothing open', async (config, sentence) => {
    const configFile = await configure(config);
    await expect(start({ configFile })).rejects.toThrow(sentence);
    // The database is free again.
    await start();
  });

  test('one that is not there ends the start with a sentence', async () => {
    await expect(start({ configFile: join(folder, 'nowhere.json') })).rejects.toThrow(/cannot be read \(ENOENT\)/);
    await start();
  });
});
