/**
 * Scripts: what runs them is sh on one platform and cmd.exe on another, and a path is not the path of a URL.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const { scripts } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { scripts: Readonly<Record<string, string>> };
/** Files that Node runs as they are, on every platform, and the tests beside them. */
const run = ['scripts', 'test', 'bench', 'cli', 'collector'].flatMap((folder) =>
  readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' }).map((file) => `${folder}/${file.replaceAll('\\', '/')}`),
);
const sources = [...run.filter((file) => /\.(ts|mts|mjs)$/.test(file)), 'vite.config.ts', 'vitest.config.ts'];

test('npm scripts say nothing that only one of sh and cmd.exe knows', () => {
  expect(Object.entries(scripts).filter(([, command]) => !/^(cd scripts && exec node|node scripts\/)[\w./ -]+$/.test(command))).toEqual([]);
  // cmd.exe looks in the current folder for a command that it does not have.
  expect(readFileSync(`${root}scripts/exec.cmd`, 'utf8').trimEnd().split('\n').at(-1)).toBe('@%*');
});

test('no file beside a module is named by the pathname of a URL, which begins with a slash on Windows and keeps %20 everywhere', () => {
  const asPath = /new URL\([^()]*(\([^()]*\))?[^()]*\bimport\.meta\.url\)\.pathname|new URL\(\w+, (root|ROOT|folder)\)\.pathname/;
  expect(sources.length).toBeGreaterThan(100);
  expect(sources.filter((file) => asPath.test(readFileSync(root + file, 'utf8')))).toEqual([]);
});
