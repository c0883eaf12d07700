/**
 * A full disk under a whole collector: a mount of a few megabytes of its own, as an operator's volume that has run full.
 *
 * Goal: nothing that was answered is lost or counted twice, the log that may be on the same disk stays short, an operator reads what to do, and room
 * alone makes it work again, without a restart. Needs the right to mount; where there is none, a limit on the size of files stands in its place
 * (test/unit/collector/duckdb-store.test.ts).
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { createCollectorClient } from '../../collector/client/collector-client.ts';
import { bodyOf, MODEL_VERSION, manifestText } from '../fixtures/reports.ts';
import { counted, freshWindow, post, Workplace } from './collector-child.ts';

const CLI = fileURLToPath(new URL('../../dist/node/cli.js', import.meta.url));
const KEY = 'the-admin-key';
const canMount = process.platform === 'linux' && spawnSync('unshare', ['-m', 'true']).status === 0;

interface Mounted {
  readonly child: ChildProcess;
  readonly errors: () => string;
  /** Where it listens, or null when it has ended. */
  readonly url: string | null;
  /** Runs a command that sees the mount. */
  readonly inside: (...command: string[]) => void;
  readonly ended: Promise<number | null>;
}

/** A collector whose data folder is a file system of that size, which goes with its process. */
async function startOn(workplace: Workplace, size: string): Promise<Mounted> {
  const data = workplace.path('data');
  const collector = `${process.execPath} ${CLI} collector --json --port 0 --data ${data} --models ${workplace.path('models')}`;
  const script = `mount -t tmpfs -o size=${size} tmpfs ${data} && exec ${collector}`;
  const child = spawn('unshare', ['-m', 'sh', '-c', script], { env: { ...process.env, INSITU_ADMIN_KEY: KEY } });
  let [out, errors] = ['', ''];
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const url = await new Promise<string | null>((resolve) => {
    child.stdout.on('data', (bytes: Buffer) => {
      out += bytes.toString();
      if (out.includes('\n')) resolve((JSON.parse(out) as { url: string }).url);
    });
    void ended.then(() => resolve(null));
  });
  const inside = (...command: string[]) => void execFileSync('nsenter', ['-t', String(child.pid), '-m', ...command], { stdio: 'ignore' });
  return { child, errors: () => errors, url, inside, ended };
}

test.skipIf(!canMount)('a full disk loses nothing that was answered, fills no log, and room alone ends it', async () => {
  const workplace = await Workplace.create();
  await mkdir(workplace.path('data'));
  const { child, errors, url, inside, ended } = await startOn(workplace, '16m');
  if (url === null) throw new Error(errors());
  try {
    const client = createCollectorClient({ url, adminKey: KEY });
    const bodies = Array.from({ length: 200 }, () => bodyOf([freshWindow()]));
    const filler = workplace.path('data/filler');
    let takenCount = 0;
    const waiting: typeof bodies = [];
    const send = async (body: (typeof bodies)[number]) => {
      const status = await post(url, body);
      if (status === 204) takenCount++;
      else waiting.push(body);
      return status;
    };
    expect(new Set(await Promise.all(bodies.slice(0, 20).map(send)))).toEqual(new Set([204]));
    expect(() => inside('dd', 'if=/dev/zero', `of=${filler}`, 'bs=64k')).toThrow();
    for (let first = 20; first < 200; first += 20) await Promise.all(bodies.slice(first, first + 20).map(send));
    expect(waiting.length).toBeGreaterThan(100);
    const about = /^The disk of the store takes nothing more, so nothing was changed\./;
    await expect(client.register({ body: { manifest: manifestText('other') } })).rejects.toMatchObject({
      code: 'busy',
      message: expect.stringMatching(about),
    });
    expect(await counted(url, MODEL_VERSION)).toMatchObject({ reports: takenCount });
    expect(errors().match(/^The store failed/gm)).toHaveLength(1);
    expect(await (await fetch(`${url}/metrics`)).text()).toContain(`refused_reports_total{reason="failed"} ${waiting.length}`);
    inside('rm', filler);
    expect(new Set(await Promise.all(waiting.splice(0).map(send)))).toEqual(new Set([204]));
    // A page whose answer was lost sends once more.
    await Promise.all(bodies.map((body) => post(url, body)));
    expect(await counted(url, MODEL_VERSION)).toMatchObject({ reports: 200 });
    expect(errors()).toMatch(/^The store works again/m);
    expect(await client.register({ body: { manifest: manifestText('other') } })).toMatchObject({ name: 'other' });
    expect(() => inside('dd', 'if=/dev/zero', `of=${filler}`, 'bs=64k')).toThrow();
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  } finally {
    child.kill('SIGKILL');
    await ended;
    await workplace.dispose();
  }
});

test.skipIf(!canMount)('a start on a full disk ends in one sentence that says to make room', async () => {
  const workplace = await Workplace.create();
  await mkdir(workplace.path('data'));
  for (const size of ['4k', '48k', '96k']) {
    const { child, errors, url, ended } = await startOn(workplace, size);
    if (url === null)
      expect(errors().trim()).toMatch(/^The disk .*takes nothing more .* Make room there, or name another folder with --data\.$/);
    else expect(size).not.toBe('4k');
    child.kill('SIGKILL');
    await ended;
  }
  await workplace.dispose();
});
