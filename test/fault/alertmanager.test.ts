/**
 * A real Alertmanager: what the collector tells it fires, is grouped by model, and is resolved.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Notifier } from '../../collector/notify/notifier.ts';
import type { Incident } from '../../protocol/read/incidents.ts';
import { MemoryStore } from '../fixtures/memory-store.ts';
import { type Receiver, startReceiver } from '../fixtures/receiver.ts';
import { openIncident } from '../fixtures/signals.ts';
import { ALERTMANAGER_PATHS, firstExisting } from '../harness/browser-paths.mjs';
import { enginesUnderTest } from '../harness/browsers.ts';

interface GroupMessage {
  readonly status: 'firing' | 'resolved';
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved';
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

let folder: string;
let receiver: Receiver;
let url: string;
let end: () => Promise<void>;

beforeEach(async () => {
  const binary = firstExisting(ALERTMANAGER_PATHS);
  if (binary === null)
    throw new Error(
      'Alertmanager is not installed. On Debian: apt-get install prometheus-alertmanager; or name it in INSITU_ALERTMANAGER.',
    );
  folder = await mkdtemp(join(tmpdir(), 'insitu-alertmanager-'));
  receiver = await startReceiver();
  receiver.status = 200;
  const config = `
route: { receiver: test, group_by: [model, model_version], group_wait: 1s, group_interval: 1s, repeat_interval: 1h }
receivers: [{ name: test, webhook_configs: [{ url: '${receiver.url}/', send_resolved: true }] }]
`;
  await writeFile(join(folder, 'alertmanager.yml'), config);
  const address = `127.0.0.1:${await freePort()}`;
  url = `http://${address}`;
  const child = spawn(
    binary,
    [
      ...[`--config.file=${join(folder, 'alertmanager.yml')}`, `--storage.path=${join(folder, 'data')}`],
      ...[`--web.listen-address=${address}`, '--cluster.listen-address='],
    ],
    { stdio: 'ignore' },
  );
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
  end = async () => {
    child.kill('SIGKILL');
    await ended;
  };
  while (
    !(await fetch(`${url}/-/ready`).then(
      (response) => response.ok,
      () => false,
    ))
  ) {
    if (child.exitCode !== null) throw new Error(`Alertmanager ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
});
afterEach(async () => {
  await end();
  await receiver.close();
  await rm(folder, { recursive: true });
});

function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** The first message of a group that is so. */
async function told(isSo: (message: GroupMessage) => boolean): Promise<GroupMessage> {
  for (let count = 1; ; count++) {
    await receiver.has(count);
    const message = JSON.parse(receiver.received[count - 1]?.body ?? '') as GroupMessage;
    if (isSo(message)) return message;
  }
}

// It is installed beside Chromium (scripts/run/browsers.mjs), and one run of it is enough.
test.skipIf(!enginesUnderTest().includes('chromium'))(
  'incidents of a model are one group that fires and is resolved, those of another model are another',
  async () => {
    const now = Date.now;
    const at = (changes: Partial<Incident>) => openIncident({ openedAtMs: now(), toldAtMs: now(), ...changes });
    let incidents = [at({ id: 'a'.repeat(32) }), at({ id: 'b'.repeat(32) }), at({ id: 'c'.repeat(32), modelVersion: '9'.repeat(16) })];
    const store = new MemoryStore();
    const notifier = await Notifier.open({
      ...{ store, now, evidenceOf: async () => [], record: () => Promise.resolve(), log: () => undefined },
      targets: [{ name: 'pager', type: 'alertmanager', url: `${url}/`, models: null, labels: { team: 'ml' }, authorization: null }],
      modelOf: (modelVersion) => ({ name: modelVersion.startsWith('9') ? 'faces' : 'digits', version: '1', modelVersion }),
      incidentOf: (id) => incidents.find((incident) => incident.id === id),
      unclosed: () => incidents.filter(({ state }) => state !== 'closed'),
    });
    const tell = async (change: 'opened' | 'closed') => {
      const { records, adopt } = notifier.outgoing(
        incidents.map((incident) => ({ incident, change, sequence: incident.sequence, atMs: now() })),
      );
      await store.putRecords(records);
      adopt();
    };
    await tell('opened');
    const firing = await told(({ groupLabels, alerts }) => groupLabels.model === 'digits' && alerts.length === 2);
    expect(firing).toMatchObject({ status: 'firing', alerts: [{ status: 'firing' }, { status: 'firing' }] });
    expect(firing.alerts[0]?.labels).toMatchObject({ alertname: 'InsituIncident', team: 'ml', model_version: incidents[0]?.modelVersion });
    expect(firing.alerts[0]?.annotations.summary).toMatch(/^New incident: digits 1: output\.y\.class moved since /);
    await told(({ groupLabels, alerts }) => groupLabels.model === 'faces' && alerts.length === 1);
    incidents = incidents.map((incident) => ({ ...incident, state: 'closed', closedAtMs: now(), closedBecause: 'recovered', sequence: 2 }));
    await tell('closed');
    const resolved = await told(
      ({ status, groupLabels, alerts }) => status === 'resolved' && groupLabels.model === 'digits' && alerts.length === 2,
    );
    expect(resolved.alerts.map(({ labels }) => labels.incident?.[0]).sort()).toEqual(['a', 'b']);
    while (notifier.entries[0]?.deliveredCount !== 6) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(notifier.entries[0]).toMatchObject({ waitingCount: 0, failure: null });
    await notifier.close();
  },
);
