/**
 * The command line: help of every command in two spellings, what a slip of the hand is answered, and which exit code it gets.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test, vi } from 'vitest';
import { runCommandLine } from '../../../cli/command-line.ts';
import { COMMANDS } from '../../../cli/command-table.ts';
import { CommandError, UsageError } from '../../../cli/terminal/command-error.ts';
import { fail } from '../../../cli/terminal/exit.ts';
import { saidBy } from '../../fixtures/data-files.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const NAMES = COMMANDS.map(({ name }) => name);
const said = (...args: string[]) => saidBy(runCommandLine, ...args);

/** Files of cli/commands/ that are a part of a command and none themselves. */
const PARTS = ['every-kind.ts'];

test('each file of cli/commands/ is the module of one row of the table', () => {
  const files = readdirSync(`${root}cli/commands`).filter((file) => !PARTS.includes(file));
  const table = readFileSync(`${root}cli/command-table.ts`, 'utf8');
  const modules = [...table.matchAll(/import\('\.\/commands\/([^']+)'\)/g)].map(([, file]) => file);
  expect(modules.sort()).toEqual(files.sort());
  expect(new Set(NAMES).size).toBe(files.length);
});

test('insitu, insitu help and insitu --help list every command with its summary', async () => {
  const { text } = await said();
  for (const { name, summary } of COMMANDS) expect(text).toMatch(new RegExp(`^  insitu ${name} +${summary}$`, 'm'));
  for (const args of [['help'], ['--help'], ['-h'], ['help', '--help']]) expect(await said(...args)).toEqual({ text, failure: '' });
});

for (const { name } of COMMANDS) {
  test(`insitu help ${name} prints what insitu ${name} --help prints, and asks no network, writes no file and listens to nothing`, async () => {
    const asked = [vi.spyOn(globalThis, 'fetch'), vi.spyOn(process, 'on'), vi.spyOn(process, 'once')];
    const files = readdirSync(process.cwd());
    const { text, failure } = await said('help', name);
    expect(failure).toBe('');
    expect(text).toMatch(new RegExp(`^insitu ${name}\\b[^\\n]*\\n\\n[\\s\\S]+[^\\n]\\n$`));
    expect(text.split('\n').filter((line) => line.length > 140)).toEqual([]);
    const alike = [
      [name, '--help'],
      [name, '-h'],
      [name, 'nowhere', '--no-such-option', '--help'],
      ['--help', name],
    ];
    for (const args of alike) expect(await said(...args)).toEqual({ text, failure: '' });
    for (const spy of asked) {
      expect(spy).not.toHaveBeenCalled();
      spy.mockRestore();
    }
    expect(readdirSync(process.cwd())).toEqual(files);
  });

  test(`insitu ${name} answers an option that it does not have with one sentence and its help`, async () => {
    const { text, failure } = await said(name, '--no-such-option');
    expect([text, failure]).toEqual(['', `Unknown option '--no-such-option'. See insitu ${name} --help.`]);
  });
}

test('behind -- stands a name, even when it looks like --help', async () => {
  expect(await said('schema', '--', '--help')).toEqual({ text: '', failure: 'insitu schema takes no "--help". See insitu schema --help.' });
});

test('a misspelt command is asked about, and one that is like none is not', async () => {
  const failureOf = async (...args: string[]) => (await said(...args)).failure;
  expect(await failureOf('colector')).toBe('There is no command "colector". Did you mean insitu collector? See insitu --help.');
  expect(await failureOf('pakc')).toBe('There is no command "pakc". Did you mean insitu pack? See insitu --help.');
  expect(await failureOf('help', 'verfy')).toBe('There is no command "verfy". Did you mean insitu verify? See insitu --help.');
  expect(await failureOf('--verson')).toBe('There is no command "--verson". Did you mean insitu --version? See insitu --help.');
  expect(await failureOf('deploy')).toBe('There is no command "deploy". See insitu --help.');
  expect(await failureOf('constructor')).toBe('There is no command "constructor". See insitu --help.');
  expect(await failureOf('help', 'pack', 'verify')).toBe('Name one command: insitu help COMMAND.');
});

test('a misspelt option is asked about', async () => {
  expect((await said('collector', '--prot', '1')).failure).toBe(
    "Unknown option '--prot'. Did you mean --port? See insitu collector --help.",
  );
  expect((await said('pack', '--licens', 'MIT')).failure).toBe(
    "Unknown option '--licens'. Did you mean --licence? See insitu pack --help.",
  );
});

test('an option without its value, and a name too many, are said', async () => {
  expect((await said('collector', '--port')).failure).toBe("Option '--port <value>' argument missing. See insitu collector --help.");
  expect((await said('collector', 'extra')).failure).toBe('insitu collector takes no "extra". See insitu collector --help.');
  expect((await said('dictionary', 'one', 'two')).failure).toBe('Name one model folder, or none. See insitu dictionary --help.');
  expect((await said('assets')).failure).toBe('Name one folder: insitu assets DIR. See insitu assets --help.');
});

test('the command line exits with 2, what a person can put right with 1 and its sentence, anything else with 1 and its stack', () => {
  const ended = (error: unknown): readonly unknown[] => {
    let written = '';
    const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
      written += String(text);
      return true;
    });
    const exit = vi.spyOn(process, 'exit').mockImplementation((() => undefined) as typeof process.exit);
    const end: (error: unknown) => void = fail;
    end(error);
    const [code] = exit.mock.calls[0] ?? [];
    for (const spy of [write, exit]) spy.mockRestore();
    return [code, written];
  };
  expect(ended(new UsageError('Name one.'))).toEqual([2, 'Name one.\n']);
  expect(ended(new CommandError('It is gone.'))).toEqual([1, 'It is gone.\n']);
  expect(ended(new TypeError('x is null'))).toEqual([1, expect.stringMatching(/^TypeError: x is null\n +at /)]);
  expect(ended('thrown text')).toEqual([1, 'thrown text\n']);
});

test('every command that README and docs name is in the table', () => {
  const documents = ['README.md', ...readdirSync(`${root}docs`, { recursive: true, encoding: 'utf8' }).map((file) => `docs/${file}`)];
  const named = documents
    .filter((file) => file.endsWith('.md'))
    .flatMap((file) =>
      [...readFileSync(root + file, 'utf8').matchAll(/(?:npx |`)insitu ([a-z][a-z-]*)/g)].map(([, name]) => name as string),
    );
  expect(named.length).toBeGreaterThan(5);
  expect([...new Set(named)].filter((name) => name !== 'help' && !NAMES.includes(name))).toEqual([]);
});
