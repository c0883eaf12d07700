/**
 * Which unit tests a change touches: what `npm run check` leaves out must be what the change cannot reach.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { baseCommit, changedFiles, changedScripts, scriptTexts } from '../../../scripts/run/affected.mjs';

const TEXTS = new Map([
  ['sdk/client.ts', "import './model.ts';"],
  ['sdk/model.ts', '/** models/digits is loaded by the demo */'],
  ['test/unit/client.test.ts', "import '../../sdk/client.ts';"],
  ['test/unit/house/tidy.test.ts', "execFileSync('git', ['ls-files'])"],
  ['test/unit/types.test.ts', "run('node_modules/typescript/bin/tsc')"],
  ['test/unit/pack.test.ts', "const DIGITS = new URL('../../models/digits/', import.meta.url);"],
  ['test/unit/rows-vectors.ts', "read('../vectors/rows.json')"],
  ['test/unit/guides.test.ts', "readdirSync('docs')"],
]);
const alsoChanged = (...changed: string[]) => changedScripts(changed, TEXTS)?.filter((file) => file !== 'test/unit/house/tidy.test.ts');

describe('of these scripts, counted as changed are', () => {
  test('a changed script, and every test that compiles', () => {
    expect(alsoChanged('sdk/client.ts')).toEqual(['sdk/client.ts', 'test/unit/types.test.ts']);
  });

  test('tests that name the folder of a changed model, and no product file that mentions it', () => {
    expect(alsoChanged('models/digits/validation.json')).toEqual(['test/unit/pack.test.ts']);
  });

  test('what only helps the tests, where it names a changed file', () => {
    expect(alsoChanged('test/vectors/rows.json')).toEqual(['test/unit/rows-vectors.ts']);
    expect(alsoChanged('test/vectors/more-rows.json')).toEqual([]);
  });

  test('a test that reads a whole top folder, for each file in it', () => {
    expect(alsoChanged('docs/guides/a-store.md')).toEqual(['test/unit/guides.test.ts']);
  });

  test('the tidy test, whatever changed', () => {
    expect(changedScripts(['CHANGELOG.md'], TEXTS)).toEqual(['test/unit/house/tidy.test.ts']);
    expect(changedScripts([], scriptTexts())).toContain('test/unit/house/sources.ts');
  });

  test('a deleted script is not: there is nothing to run of it', () => {
    expect(alsoChanged('sdk/gone.ts')).toEqual(['test/unit/types.test.ts']);
  });

  test("all, when the lock file, the tests' configuration or more than 150 files changed", () => {
    const many = (count: number) => Array.from({ length: count }, (_, index) => `docs/${index}.md`);
    expect(alsoChanged('package-lock.json')).toBeUndefined();
    expect(alsoChanged('vitest.config.ts')).toBeUndefined();
    expect(alsoChanged(...many(150))).toBeDefined();
    expect(alsoChanged(...many(151))).toBeUndefined();
  });
});

describe('in a repository', () => {
  let folder: string;
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  const AUTHOR = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com', '-c', 'commit.gpgsign=false'];
  const git = (...args: string[]) => execFileSync('git', [...AUTHOR, ...args], { cwd: folder, encoding: 'utf8' }).trim();
  const commitAll = () => {
    git('add', '-A');
    git('commit', '-q', '-m', 'change');
    return git('rev-parse', 'HEAD');
  };

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'insitu-affected-'));
    git('init', '-q', '-b', 'main');
    for (const name of ['kept', 'edited', 'moved', 'deleted']) write(`sdk/${name}.ts`, name);
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test('the change is what a branch committed since it left main, what is not committed, and what is new', () => {
    const left = commitAll();
    git('switch', '-q', '-c', 'branch');
    write('sdk/edited.ts', 'committed');
    git('mv', 'sdk/moved.ts', 'sdk/here.ts');
    commitAll();
    git('switch', '-q', 'main');
    write('sdk/elsewhere.ts', 'main went on');
    commitAll();
    git('switch', '-q', 'branch');
    rmSync(join(folder, 'sdk/deleted.ts'));
    write('docs/new.md', 'new');
    expect(baseCommit(undefined, folder)).toBe(left);
    expect(changedFiles(left, folder)).toEqual(['docs/new.md', 'sdk/deleted.ts', 'sdk/edited.ts', 'sdk/here.ts', 'sdk/moved.ts']);
  });

  test('on main itself it is what is not committed, or what is newer than a named revision', () => {
    const first = commitAll();
    write('sdk/edited.ts', 'second');
    const second = commitAll();
    write('sdk/kept.ts', 'third');
    expect(baseCommit(undefined, folder)).toBe(second);
    expect(changedFiles(second, folder)).toEqual(['sdk/kept.ts']);
    expect(baseCommit('HEAD~1', folder)).toBe(first);
    expect(changedFiles(first, folder)).toEqual(['sdk/edited.ts', 'sdk/kept.ts']);
  });

  test('a revision that Git does not know has no commit in common', () => {
    commitAll();
    expect(baseCommit('no-such-branch', folder)).toBeNull();
  });
});
