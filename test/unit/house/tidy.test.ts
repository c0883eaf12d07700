/**
 * Tidy: the rules of this house that a compiler cannot see, read from the files that are, or would be, committed.
 *
 * Why a test and not a habit: a rule that nothing checks is kept by those who remember it.
 *
 * Invariants
 *  - Every finding names its file, so that a failure is a list of what to put right.
 *  - Ratchets (`today`) name what is over a rule now. An entry may shrink or go; one that has become needless fails too,
 *    so the list is never longer than the truth.
 *
 * Not here: format and lint (biome.json), types (tsc -p FOLDER), README examples (readme.test.ts).
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'rolldown/parseAst';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../../protocol/errors.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\0')
  .filter((file) => file !== '' && statSync(root + file, { throwIfNoEntry: false })?.isFile());
const texts = new Map(files.map((file) => [file, readFileSync(root + file, 'latin1')]));

const PRODUCT_FOLDERS = [
  'protocol',
  'counts',
  'onnx',
  'processing',
  'site',
  'sdk',
  'worker',
  'collector/dashboard',
  'collector',
  'cli',
  'demo',
] as const;
type Folder = (typeof PRODUCT_FOLDERS)[number];

const textOf = (file: string): string => texts.get(file) ?? '';
const folderOf = (file: string): Folder | undefined => PRODUCT_FOLDERS.find((folder) => file.startsWith(`${folder}/`));
const isIn = (file: string, folders: readonly string[]): boolean => folders.some((folder) => file.startsWith(`${folder}/`));
const isScript = (file: string): boolean => /\.(ts|mts|mjs|js)$/.test(file) && !/\.d\.m?ts$/.test(file);
const product = files.filter((file) => folderOf(file) !== undefined && isScript(file));
const scripts = files.filter(isScript);

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && 'type' in value;

/** Every node of a file with the one that holds it. */
function* nodesOf(file: string): Generator<readonly [node: Node, parent: Node | null]> {
  const tree = parseAst(textOf(file), { lang: /\.m?ts$/.test(file) ? 'ts' : 'js', sourceType: 'module' });
  const open: [unknown, Node | null][] = [[tree, null]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, parent] = next;
    if (Array.isArray(value)) for (const item of value) open.push([item, parent]);
    else if (isNode(value)) {
      yield [value, parent];
      for (const child of Object.values(value)) if (typeof child === 'object' && child !== null) open.push([child, value]);
    }
  }
}

function importsOf(file: string): string[] {
  const found: string[] = [];
  for (const [node] of nodesOf(file)) {
    if (!/^(ImportDeclaration|ExportAllDeclaration|ExportNamedDeclaration|ImportExpression|TSImportType)$/.test(node.type)) continue;
    if (isNode(node.source) && typeof node.source.value === 'string') found.push(node.source.value);
  }
  return found;
}

const imports = product.flatMap((file) => importsOf(file).map((name) => ({ file, name })));

/** `file:line: text` of each line that matches. */
function linesWith(pattern: RegExp, among: readonly string[]): string[] {
  return among.flatMap((file) =>
    textOf(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 100)}`] : [])),
  );
}

const isComment = (finding: string): boolean => /^[^:]+:\d+: (\*|\/\/|\/\*)/.test(finding);

/** What each folder may import of the others. */
const ALLOWED: Readonly<Record<Folder, readonly string[]>> = {
  protocol: [],
  counts: ['protocol/'],
  onnx: ['protocol/'],
  processing: ['protocol/'],
  site: [],
  sdk: ['counts/', 'protocol/'],
  worker: ['counts/', 'onnx/', 'processing/', 'protocol/'],
  'collector/dashboard': ['counts/', 'protocol/', 'site/'],
  collector: ['counts/', 'protocol/'],
  cli: ['protocol/', 'counts/', 'onnx/', 'processing/', 'collector/index.ts', 'collector/operator/', 'collector/store/'],
  demo: ['sdk/index.ts', 'sdk/sent-element/sent-element.ts', 'site/'],
};

test('a folder imports only the folders that it may know', () => {
  const findings = imports.flatMap(({ file, name }) => {
    if (!name.startsWith('.')) return [];
    const target = posix.join(posix.dirname(file), name.replace(/\?.*$/, ''));
    const folder = folderOf(file) as Folder;
    const isAllowed = folderOf(target) === folder || ALLOWED[folder].some((prefix) => target.startsWith(prefix));
    return isAllowed ? [] : [`${file} imports ${target}`];
  });
  expect(imports.length).toBeGreaterThan(100);
  expect(findings).toEqual([]);
});

test('a relative import names its file with its extension', () => {
  const findings = imports.filter(({ name }) => name.startsWith('.') && !/\.(ts|css|svg|json)(\?\w+)?$/.test(name));
  expect(findings).toEqual([]);
});

test('only collector and cli import Node', () => {
  const findings = imports.filter(({ file, name }) => name.startsWith('node:') && !/^(collector|cli)$/.test(folderOf(file) ?? ''));
  expect(findings).toEqual([]);
});

/** The only files that may import a package. Whoever replaces it has one file to read. */
const VENDOR_FILES: Readonly<Record<string, readonly (string | RegExp)[]>> = {
  'onnxruntime-web': ['worker/runtime/session.ts', 'cli/runtime/node-session.ts'],
  comlink: ['sdk/workers/worker-host.ts', 'worker/inference-worker.ts'],
  '@huggingface/tokenizers': ['worker/prepare/text-tokenizer.ts'],
  idb: ['worker/store/model-store.ts', 'sdk/delivery/outbox-db.ts'],
  // The manifest's schema and its parts.
  valibot: [/^protocol\/manifest\//],
  '@valibot/to-json-schema': ['cli/commands/schema.ts'],
  '@duckdb/node-api': ['collector/store/duckdb-store.ts', 'cli/data/table.ts'],
  sharp: ['cli/data/images.ts'],
  hono: [/^collector\/http\//],
  '@hono/node-server': ['collector/http/server.ts'],
  uplot: [/^collector\/dashboard\//],
  'workbox-precaching': ['demo/service-worker/service-worker.ts'],
  'workbox-routing': ['demo/service-worker/service-worker.ts'],
  'workbox-strategies': ['demo/service-worker/service-worker.ts'],
  'workbox-window': [/^demo\//],
};

/** What applications, the build or another realm take from: `sdk/api/client.ts` and `sdk/api/runs.ts` are the public types. */
const ENTRIES = [
  /^sdk\/(index|global)\.ts$/,
  /^sdk\/api\//,
  /\/entry\.ts$/,
  /delivery\/delivery\.ts$/,
  /\/(sent-element|service-worker)\.ts$/,
];

test('what the page and the protocol export is imported by another file', () => {
  const taken = new Set<string>();
  for (const file of scripts) {
    for (const [node] of nodesOf(file)) {
      if (!/^(ImportDeclaration|ExportNamedDeclaration)$/.test(node.type) || !isNode(node.source)) continue;
      const from = posix.join(posix.dirname(file), String(node.source.value));
      for (const { imported, local } of node.specifiers as { imported?: Node; local: Node }[])
        taken.add(`${from} ${(imported ?? local).name}`);
    }
  }
  const findings = product.flatMap((file) => {
    if (!isIn(file, ['sdk', 'protocol']) || ENTRIES.some((rule) => rule.test(file))) return [];
    return exportsOf(file)
      .filter((name) => !taken.has(`${file} ${name}`))
      .map((name) => `${file} ${name}`);
  });
  expect(taken.size).toBeGreaterThan(500);
  expect(findings).toEqual([]);
});

/** Names that a file declares and exports. */
function exportsOf(file: string): string[] {
  return [...nodesOf(file)].flatMap(([node]) => {
    if (node.type !== 'ExportNamedDeclaration' || !isNode(node.declaration)) return [];
    const { id, declarations } = node.declaration as Node & { readonly declarations?: readonly Node[] };
    return (declarations?.map((each) => each.id) ?? [id]).map((each) => String((each as Node).name));
  });
}

test('each vendor is imported by its one file', () => {
  const users = new Map<string, Set<string>>();
  for (const { file, name } of imports) {
    if (name.startsWith('.') || name.startsWith('node:')) continue;
    const vendor = name
      .split('/')
      .slice(0, name.startsWith('@') ? 2 : 1)
      .join('/');
    users.set(vendor, (users.get(vendor) ?? new Set()).add(file));
  }
  const findings = [...users].flatMap(([vendor, among]) => {
    const allowed = VENDOR_FILES[vendor] ?? [];
    const strangers = [...among].filter((file) => !allowed.some((rule) => (rule instanceof RegExp ? rule.test(file) : rule === file)));
    return strangers.map((file) => `${file} imports ${vendor}`);
  });
  expect(findings).toEqual([]);
});

test('no file has a name that says nothing', () => {
  const empty = /(^|[-.])(utils?|helpers?|common|misc|managers?|temp)([-.]|$)|^types?\./i;
  expect(files.filter((file) => empty.test(posix.basename(file)))).toEqual([]);
});

test('file names are lower-case words with hyphens', () => {
  const KNOWN = /(^|\/)(README|ARCHITECTURE|CHANGELOG|LICENSE)(\.md)?$/;
  const findings = files.filter((file) => !KNOWN.test(file) && /[A-Z ]/.test(posix.basename(file)));
  expect(findings).toEqual([]);
});

test('nothing is left for later, and no test is switched off or alone', () => {
  // Written so that this line does not find itself.
  const words = /\b(TO[D]O|FIX[M]E|X[X]X)\b|\b(test|describe|it)\.(only|skip)\(/;
  expect(linesWith(words, [...scripts, ...files.filter((file) => /\.(md|html|css|json|py)$/.test(file))])).toEqual([]);
});

test('product code does not write to the console', () => {
  const folders = product.filter((file) => folderOf(file) !== 'cli');
  expect(linesWith(/\bconsole\.(log|debug|info|dir|trace)\(/, folders)).toEqual([]);
});

test('no type is any', () => {
  const findings = scripts.flatMap((file) => {
    if (!/\.m?ts$/.test(file)) return [];
    const found = [...nodesOf(file)].filter(([node]) => node.type === 'TSAnyKeyword');
    return found.map(([node]) => `${file}:${lineOf(file, node.start)}`);
  });
  expect(findings).toEqual([]);
});

test('each file begins by saying what it is', () => {
  const told = scripts.filter((file) => isIn(file, [...PRODUCT_FOLDERS, 'test', 'bench', 'scripts']));
  const findings = told.filter((file) => !/^(#!.*\n)?\/\*\*/.test(textOf(file)));
  expect(findings).toEqual([]);
});

const FILE_LINE_COUNT_MAX = 450;
const FUNCTION_LINE_COUNT_MAX = 70;

/** Functions over the line today, with their size. */
const LONG_FUNCTIONS_TODAY: Readonly<Record<string, number>> = {
  'test/conformance/store.ts testStore': 133,
};
/** Files over the line today. */
const LONG_FILES_TODAY: Readonly<Record<string, number>> = {};

const lineOf = (file: string, offset: number): number => textOf(file).slice(0, offset).split('\n').length;

/** Findings that the ratchet does not cover, and entries of the ratchet that nothing needs any more. */
function ratchet(found: ReadonlyMap<string, number>, today: Readonly<Record<string, number>>): string[] {
  const grown = [...found].filter(([name, size]) => size > (today[name] ?? 0)).map(([name, size]) => `${name} has ${size} lines`);
  const needless = Object.keys(today).filter((name) => !found.has(name));
  return [...grown, ...needless.map((name) => `${name} is within the limit: take it off the list`)];
}

test(`no file has more than ${FILE_LINE_COUNT_MAX} lines`, () => {
  const sizes = scripts.map((file) => [file, textOf(file).trimEnd().split('\n').length] as const);
  expect(ratchet(new Map(sizes.filter(([, size]) => size > FILE_LINE_COUNT_MAX)), LONG_FILES_TODAY)).toEqual([]);
});

test(`no function has more than ${FUNCTION_LINE_COUNT_MAX} lines`, () => {
  const found = new Map<string, number>();
  for (const file of scripts) {
    for (const [node, parent] of nodesOf(file)) {
      if (!/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) continue;
      // A suite is a list of tests, not a function that someone has to hold in the head.
      const callee = parent?.type === 'CallExpression' && isNode(parent.callee) ? parent.callee : null;
      if (callee !== null && /^describe\b/.test(textOf(file).slice(callee.start, callee.end))) continue;
      const size = textOf(file).slice(node.start, node.end).split('\n').length;
      if (size > FUNCTION_LINE_COUNT_MAX) found.set(`${file} ${nameOf(node, parent)}`, size);
    }
  }
  expect(ratchet(found, LONG_FUNCTIONS_TODAY)).toEqual([]);
});

function nameOf(node: Node, parent: Node | null): string {
  for (const candidate of [node.id, parent?.id, parent?.key]) {
    if (isNode(candidate) && typeof candidate.name === 'string') return candidate.name;
  }
  return 'a function without a name';
}

test('each limit says why it has its value', () => {
  const lines = textOf('protocol/limits.ts').split('\n');
  const findings = lines.filter((line, index) => line.startsWith('export const') && !/\*\/$/.test(lines[index - 1] ?? ''));
  expect(findings).toEqual([]);
});

/** Codes that no test provokes yet. */
const CODES_WITHOUT_TEST_TODAY: readonly string[] = ['model-too-large', 'session-failed'];

test('each error code has a row in the README', () => {
  const rows = textOf('README.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  expect(ERROR_CODES.filter((code) => !rows.some((row) => row.split('|')[1]?.includes(`\`${code}\``)))).toEqual([]);
});

test('each error code is named where a public call says what it rejects with', () => {
  const told = files.filter((file) => file.startsWith('sdk/api/')).flatMap((file) => textOf(file).match(/\/\*\*[\s\S]*?\*\//g) ?? []);
  const rejections = told.filter((comment) => /@throws|rejects with/.test(comment)).join();
  expect(ERROR_CODES.filter((code) => !rejections.includes(`\`${code}\``))).toEqual([]);
});

test('each error code is met by a test', () => {
  const listsThemAll = /\/(errors|tidy|readme)\.test\.ts$/;
  const among = files.filter((file) => isIn(file, ['test']) && isScript(file) && !listsThemAll.test(file));
  // A code with a hyphen is met in a title too; `aborted` is also a word.
  const patternOf = (code: string) => new RegExp(code.includes('-') ? `(?<![\\w-])${code}(?![\\w-])` : `'${code}'`);
  const unmet = ERROR_CODES.filter((code) => !among.some((file) => patternOf(code).test(textOf(file))));
  expect(unmet).toEqual(CODES_WITHOUT_TEST_TODAY);
});

test('the page sends no beacon and does not listen to unload', () => {
  const page = product.filter((file) => isIn(file, ['sdk', 'worker', 'demo']));
  const findings = linesWith(/sendBeacon|['"](before)?unload['"]|\bon(before)?unload\b/, page);
  expect(findings.filter((finding) => !isComment(finding))).toEqual([]);
});

test('only named files of the library ask the network', () => {
  const NAMED = [
    ...['sdk/telemetry/platform.ts', 'sdk/counting/observer.ts', 'sdk/service-worker/kept-assets.ts'],
    ...['worker/download/download.ts', 'worker/runtime/runtime-file.ts', 'worker/runtime/snapshot.ts'],
  ];
  const library = product.filter((file) => isIn(file, ['protocol', 'counts', 'sdk', 'worker']) && !NAMED.includes(file));
  expect(linesWith(/\bfetch\(|\bXMLHttpRequest\b|\bWebSocket\b|\bEventSource\b/, library).filter((it) => !isComment(it))).toEqual([]);
});

test('chance comes from crypto only', () => {
  const library = product.filter((file) => isIn(file, ['protocol', 'counts', 'sdk', 'worker']));
  expect(linesWith(/Math\.random/, library).filter((it) => !isComment(it))).toEqual([]);
});

test('only named files of the page read the clock', () => {
  const NAMED = ['telemetry/platform', 'client', 'model/model', 'model/model-binding', 'workers/awake-time', 'workers/run-channel'].map(
    (name) => `sdk/${name}.ts`,
  );
  const others = product.filter((file) => isIn(file, ['protocol', 'counts', 'sdk']) && !NAMED.includes(file));
  expect(linesWith(/\b(Date|performance)\.now\(|new Date\(\)/, others).filter((it) => !isComment(it))).toEqual([]);
});

test('the lock file names no registry', () => {
  expect(linesWith(/"resolved":/, ['package-lock.json'])).toEqual([]);
});

test('no file names a place of one machine', () => {
  const places = /(?<![\w.])\/(root|home|Users|work)\/[a-z]/;
  expect(linesWith(places, files)).toEqual([]);
});
