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
    compilerOptions: { paths: { insitu: ['../../sdk/index.ts'] } },
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
