/**
 * The names of shipped files: protocol/shipped-files.json is their one home, and what must be written out says the same.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test, vi } from 'vitest';
import { assetsBesideModule, assetsIn } from '../../../sdk/assets/assets.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const textOf = (file: string): string => readFileSync(root + file, 'utf8');
const { entries, wasmInNode, webgpuInNode, ...fetched } = JSON.parse(textOf('protocol/shipped-files.json')) as {
  readonly entries: Readonly<Record<string, string>>;
  readonly wasmInNode: string;
  readonly webgpuInNode: string;
} & Readonly<Record<string, string>>;
const names = Object.values(fetched).sort();

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Each string with what stands before the folder cut off. */
const within = (table: unknown, folder: string): unknown =>
  JSON.parse(JSON.stringify(table), (_, value) => (typeof value === 'string' ? value.replace(folder, '') : value));

test('the ESM build writes each file that a page fetches exactly once, in the words that bundlers recognise', () => {
  const literals = [...textOf('sdk/assets/assets.ts').matchAll(/\(new URL\('\.\/([^']+)', import\.meta\.url\)/g)];
  expect(literals.map(([, name]) => name).sort()).toEqual(names);
});

test('beside the module and in a folder, each file stands for the same thing under the same name', () => {
  vi.stubGlobal('document', { baseURI: 'https://site.example/page/' });
  const beside = within(assetsBesideModule(), new URL('sdk/assets/', new URL('../../../', import.meta.url)).href);
  expect(within(assetsIn('../lib'), 'https://site.example/lib/')).toEqual(beside);
  expect(JSON.stringify(beside).match(/"[^"]+\.(m?js|wasm)"/g)).toHaveLength(names.length);
});

test('each entry of package.json that is a browser file is one of the entries', () => {
  const { exports } = JSON.parse(textOf('package.json')) as { exports: Record<string, string | { default: string }> };
  const files = Object.values(exports).map((entry) => (typeof entry === 'string' ? entry : entry.default));
  const ours = files.filter((file) => /^\.\/dist\/[^/]+$/.test(file)).map((file) => file.slice('./dist/'.length));
  expect(ours.length).toBeGreaterThan(3);
  expect(ours.filter((file) => !Object.values(entries).includes(file))).toEqual([]);
});

test('no other file of ours writes out the name of a file that a page fetches', () => {
  const rooms = ['protocol', 'counts', 'onnx', 'processing', 'sdk', 'worker', 'collector', 'cli', 'scripts'];
  const files = execFileSync('git', ['ls-files', '-z', '--', ...rooms], { cwd: root, encoding: 'utf8' }).split('\0');
  const sources = files.filter((file) => /\.m?[jt]s$/.test(file) && file !== 'sdk/assets/assets.ts');
  const quoted = new RegExp(`['"\`/](${[...names, wasmInNode, webgpuInNode].map((name) => name.replaceAll('.', '\\.')).join('|')})['"\`]`);
  const findings = sources.filter((file) =>
    textOf(file)
      .split('\n')
      .some((line) => !/^\s*(\*|\/\/|\/\*)/.test(line) && quoted.test(line)),
  );
  expect(sources.length).toBeGreaterThan(200);
  expect(findings).toEqual([]);
});
