/**
 * README: what it shows must be true.
 *
 * Goal: an example that does not compile is a lie on the first page. Method: every ```ts block is compiled by the
 * strict compiler against the SDK's own entry, under the name that users import.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../../protocol/errors.ts';

const root = new URL('../../../', import.meta.url);
const readme = readFileSync(new URL('README.md', root), 'utf8');

test('every TypeScript block of the README compiles', () => {
  const blocks = [...readme.matchAll(/^```ts\n(.*?)^```/gms)].map((match) => match[1] as string);
  expect(blocks.length).toBeGreaterThan(0);
  const folder = new URL('.build/readme/', root);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  blocks.forEach((block, index) => {
    writeFileSync(new URL(`block-${index}.ts`, folder), block);
  });
  const config = {
    extends: '../../sdk/tsconfig.json',
    compilerOptions: {
      types: ['node'],
      paths: {
        insitu: ['../../sdk/index.ts'],
        'insitu/collector': ['../../collector/index.ts'],
        'insitu/collector-client': ['../../collector/client/collector-client.ts'],
      },
    },
    include: ['./*.ts', '../../sdk/release.d.ts'],
  };
  writeFileSync(new URL('tsconfig.json', folder), JSON.stringify(config));
  const compiler = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root));
  expect(() => execFileSync(process.execPath, [compiler, '-p', fileURLToPath(folder)], { stdio: 'pipe' })).not.toThrow();
});

test('the README names every error code', () => {
  const missing = ERROR_CODES.filter((code) => !readme.includes(`\`${code}\``));
  expect(missing).toEqual([]);
});

const textOf = (file: string): string => readFileSync(new URL(file, root), 'utf8');

test('every key of the README is taken by a collector that the README starts', () => {
  const byDefault = /writeKeys \?\? \['([^']+)'\]/.exec(textOf('collector/index.ts'))?.[1];
  const named = [...readme.matchAll(/INSITU_WRITE_KEYS=(\S+) npx insitu collector/g)].flatMap((match) => match[1]?.split(',') ?? []);
  const keys = [...readme.matchAll(/\bkey: '([^']+)'/g)].map((match) => match[1] as string);
  expect(keys.length).toBeGreaterThan(4);
  expect(keys.filter((key) => ![byDefault, ...named].includes(key))).toEqual([]);
});

test('a page that reports with the default key names the address that `npm start` listens at', () => {
  const port = /DEFAULT_PORT = (\d+)/.exec(textOf('collector/index.ts'))?.[1];
  const addresses = [...readme.matchAll(/url: '([^']+)', key: 'demo'/g)].map((match) => match[1]);
  expect(addresses.length).toBeGreaterThan(1);
  expect(new Set(addresses)).toEqual(new Set([`http://127.0.0.1:${port}`]));
});

test('the table of bundlers says what the tested applications pin and set', () => {
  const rows = readme.split('\n').filter((line) => /^\| (Vite|webpack|Next|Nuxt) /.test(line));
  const tested = ['vite-7', 'vite-8', 'webpack', 'next', 'nuxt'].map((app) => {
    const { dependencies } = JSON.parse(textOf(`test/apps/${app}/package.json`)) as { dependencies: Record<string, string> };
    return dependencies[app.replace(/-\d$/, '')] ?? '';
  });
  expect(rows.map((row) => / (\d+\.\d+\.\d+)/.exec(row)?.[1]).sort()).toEqual(tested.sort());
  const line = "optimizeDeps: { exclude: ['insitu'] }";
  const asking = rows.filter((row) => row.includes(line)).map((row) => /^\| (\w+ \d)/.exec(row)?.[1]);
  expect(asking).toEqual(['Vite 7', 'Nuxt 4']);
  for (const file of ['vite-7/vite.config.js', 'nuxt/nuxt.config.mjs']) expect(textOf(`test/apps/${file}`)).toContain(line);
  for (const file of ['vite-8/vite.config.js', 'webpack/webpack.config.js', 'next/next.config.mjs']) {
    expect(textOf(`test/apps/${file}`)).not.toContain("'insitu'");
  }
});

test('the packages of a collector are those that its command asks for', () => {
  const asked = /COLLECTOR_PACKAGES = `([^$`]+)/.exec(textOf('cli/commands/collector.ts'))?.[1]?.trim() ?? '';
  const { devDependencies } = JSON.parse(textOf('package.json')) as { devDependencies: Record<string, string> };
  expect(readme).toContain(`npm install insitu ${asked} @duckdb/node-api@${devDependencies['@duckdb/node-api']}\n`);
});
