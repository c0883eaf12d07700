/**
 * The command line: what cannot work is said in one sentence, and stopping is clean.
 */
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bodyOf, MODEL_VERSION } from '../fixtures/reports.ts';
import { Command, counted, type Ended, freshWindow, post, Workplace } from './collector-child.ts';

let workplace: Workplace;
beforeEach(async () => {
  workplace = await Workplace.create();
});
afterEach(() => workplace.dispose());

function run(...args: string[]): Promise<Ended> {
  return new Command(args).ended;
}

describe('refusals', () => {
  test('a busy port: exit 1 and what to do', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { code, stderr, stdout } = await run('collector', '--port', String(port), '--data', workplace.path('data'));
    server.close();
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toBe(`Port ${port} is in use. Stop what listens there, or choose another one with --port.\n`);
  });

  test('a data folder that cannot be written: exit 1 and what to do', async () => {
    await writeFile(workplace.path('file'), '');
    const { code, stderr } = await run('collector', '--port', '0', '--data', workplace.path('file'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/^The data folder .* cannot be created \(EEXIST\)\. Name a folder that this user may write, with --data\.\n$/);
  });

  test('a configuration that cannot be used: exit 1 and what to do', async () => {
    await writeFile(workplace.path('insitu.json'), '{"rules": {"slow": {"model": "digits"}}}');
    const { code, stderr, stdout } = await run(
      'collector',
      '--port',
      '0',
      '--data',
      workplace.path('data'),
      '--config',
      workplace.path('insitu.json'),
    );
    expect([code, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^\S+insitu\.json: Not usable, rule "slow": "metric" must be .*\. See docs\/incidents\.md\.\n$/);
  });

  test('a data folder that another collector uses: exit 1 and what to do', async () => {
    const { command } = await workplace.start();
    const { code, stderr } = await run('collector', '--port', '0', '--data', workplace.path('data'));
    await command.kill('SIGTERM');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /insitu\.duckdb is in use by another process\. Stop the other collector, or name another folder with --data\.\n$/,
    );
  });

  test('a Node that is too old: exit 1 and what to do', async () => {
    await writeFile(workplace.path('old.cjs'), `Object.defineProperty(process.versions, 'node', { value: '20.18.3' });`);
    const command = new Command(['collector'], { NODE_OPTIONS: `--require=${workplace.path('old.cjs')}` });
    expect(await command.ended).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/^insitu needs Node 20\.19 .*20\.18\.3.*\.\n$/),
    });
  });

  const usage: readonly (readonly string[])[] = [
    ['colector'],
    ['collector', '--prot', '1'],
    ['collector', '--port', 'http'],
    ['collector', '--port', '65536'],
    ['collector', '--port'],
    ['collector', 'extra'],
  ];
  for (const args of usage) {
    test(`insitu ${args.join(' ')}: exit 2 and one line`, async () => {
      const { code, stderr, stdout } = await run(...args);
      expect([code, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^[^\n]+\.\n$/);
    });
  }
});

test('--help and --version answer and exit with 0', async () => {
  expect(await run('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  for (const args of [['--help'], [], ['help']]) {
    expect(await run(...args)).toMatchObject({ code: 0, stdout: expect.stringContaining('  insitu collector ') });
  }
  for (const args of [
    ['collector', '--help'],
    ['help', 'collector'],
  ]) {
    expect(await run(...args)).toMatchObject({ code: 0, stdout: expect.stringContaining('--port 8788') });
  }
});

test('without --json it prints the addresses of demo, dashboard and API', async () => {
  const command = new Command(['collector', '--port', '0', '--data', workplace.path('data')]);
  const text = await command.printed(/Ctrl\+C/);
  const { code } = await command.kill('SIGINT');
  expect(code).toBe(0);
  for (const path of ['/', '/dashboard/', '/v1/health']) expect(text).toMatch(new RegExp(`http://127\\.0\\.0\\.1:\\d+${path}\\n`));
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`${signal} commits what was accepted, exits with 0 and prints nothing; the counts are there at the next start`, async () => {
    const first = await workplace.start();
    const live = fetch(`${first.url}/v1/live`).then((response) => response.text());
    const statuses = Promise.all(Array.from({ length: 50 }, () => post(first.url, bodyOf([freshWindow()]))));
    expect(await post(first.url, bodyOf([freshWindow()]))).toBe(204);
    expect(await first.command.kill(signal)).toMatchObject({ code: 0, signal: null, stderr: '' });
    const committed = 1 + (await statuses).filter((status) => status === 204).length;
    await live;
    const second = await workplace.start();
    expect((await counted(second.url, MODEL_VERSION)).reports).toBe(committed);
    await second.command.kill(signal);
  });
}
