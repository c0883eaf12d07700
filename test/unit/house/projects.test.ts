/**
 * Projects: what `tsc -b` and an editor check is all of it.
 *
 * Why: tsconfig.json at the top is the one list of what is compiled. A folder that is not on it compiles in nobody's eyes.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\0')
  .filter((file) => existsSync(root + file));
const solution = JSON.parse(readFileSync(`${root}tsconfig.json`, 'utf8')) as { files: string[]; references: { path: string }[] };
const referenced = solution.references.map(({ path }) => path);

test('each folder with a tsconfig.json is a line in the one at the top, and each line is such a folder', () => {
  const folders = files.filter((file) => file.endsWith('/tsconfig.json')).map((file) => posix.dirname(file));
  expect([...referenced].sort()).toEqual(folders.sort());
});

test('each TypeScript file below the top lies in a folder that is compiled', () => {
  const isCompiled = (file: string): boolean => referenced.some((folder) => file.startsWith(`${folder}/`));
  const below = files.filter((file) => /\.m?ts$/.test(file) && file.includes('/'));
  // Types of plain scripts are compiled where a test imports them.
  expect(below.filter((file) => !isCompiled(file) && !/^scripts\/.*\.d\.mts$/.test(file))).toEqual([]);
});

test('the file at the top compiles nothing itself: with sources of its own it would need declarations of every room', () => {
  expect(solution.files).toEqual([]);
});
