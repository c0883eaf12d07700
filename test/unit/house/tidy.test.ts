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
 * Not here: who may import whom (rooms.test.ts), format and lint (biome.json), types (tsc), documents (documents.test.ts, readme.test.ts).
 */
import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../../protocol/errors.ts';
import {
  files,
  isComment,
  isIn,
  isNode,
  lineOf,
  linesWith,
  nodesOf,
  PRODUCT,
  product,
  type SyntaxNode,
  scripts,
  textOf,
} from './sources.ts';

/** What applications, the build or another realm take from; sdk/api/ holds the public types. */
const ENTRIES = [
  /^sdk\/(index|global)\.ts$/,
  /^sdk\/api\//,
  /\/entry\.ts$/,
  /^sdk\/delivery\/delivery\.ts$/,
  /\/(sent-element|service-worker)\.ts$/,
  /^worker\/(inference-worker|prepare\/text-tokenizer)\.ts$/,
  /^collector\/(index|client\/collector-client)\.ts$/,
];
/** What the table of commands takes from each command's module (cli/command-table.ts). */
const OF_A_COMMAND = /^cli\/commands\/[\w-]+\.ts (usage|run)$/;

test('what a file of the product exports is imported by another file', () => {
  const taken = new Set<string>();
  for (const file of scripts) {
    for (const [node] of nodesOf(file)) {
      if (!/^(ImportDeclaration|ExportNamedDeclaration)$/.test(node.type) || !isNode(node.source)) continue;
      const from = posix.join(posix.dirname(file), String(node.source.value));
      for (const { imported, local } of node.specifiers as { imported?: SyntaxNode; local: SyntaxNode }[])
        taken.add(`${from} ${(imported ?? local).name}`);
    }
  }
  const findings = product.flatMap((file) => {
    if (ENTRIES.some((rule) => rule.test(file))) return [];
    return exportsOf(file)
      .map((name) => `${file} ${name}`)
      .filter((name) => !taken.has(name) && !OF_A_COMMAND.test(name));
  });
  expect(taken.size).toBeGreaterThan(500);
  expect(findings).toEqual([]);
});

/** Names that a file declares and exports. */
function exportsOf(file: string): string[] {
  return [...nodesOf(file)].flatMap(([node]) => {
    if (node.type !== 'ExportNamedDeclaration' || !isNode(node.declaration)) return [];
    const { id, declarations } = node.declaration as SyntaxNode & { readonly declarations?: readonly SyntaxNode[] };
    return (declarations?.map((each) => each.id) ?? [id]).map((each) => String((each as SyntaxNode).name));
  });
}

test('no file has a name that says nothing', () => {
  const empty = /(^|[-.])(utils?|helpers?|common|misc|managers?|temp)([-.]|$)|^types?\./i;
  expect(files.filter((file) => empty.test(posix.basename(file)))).toEqual([]);
});

test('file names are lower-case words with hyphens', () => {
  const KNOWN = /(^|\/)(README|ARCHITECTURE|CHANGELOG|CONTRIBUTING|SECURITY|LICENSE)(\.md)?$/;
  const findings = files.filter((file) => !KNOWN.test(file) && /[A-Z ]/.test(posix.basename(file)));
  expect(findings).toEqual([]);
});

test('nothing is left for later, and no test is switched off or alone', () => {
  // Written so that this line does not find itself.
  const words = /\b(TO[D]O|FIX[M]E|X[X]X)\b|\b(test|describe|it)\.(only|skip)\(/;
  expect(linesWith(words, [...scripts, ...files.filter((file) => /\.(md|html|css|json|py)$/.test(file))])).toEqual([]);
});

test('product code does not write to the console', () => {
  const folders = product.filter((file) => !isIn(file, ['cli']));
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
  const told = scripts.filter((file) => isIn(file, [...PRODUCT, 'test', 'bench', 'scripts']));
  const findings = told.filter((file) => !/^(#!.*\n)?\/\*\*/.test(textOf(file)));
  expect(findings).toEqual([]);
});

const FILE_LINE_COUNT_MAX = 400;
/** A test file is a list. */
const TEST_LINE_COUNT_MAX = 450;
const FUNCTION_LINE_COUNT_MAX = 70;
const PARAMETER_COUNT_MAX = 5;

/** Over a line, each with its size; what follows says why. */
const LONG_FUNCTIONS_TODAY: Readonly<Record<string, number>> = {};
const LONG_FILES_TODAY: Readonly<Record<string, number>> = {};
const LONG_PARAMETER_LISTS_TODAY: Readonly<Record<string, number>> = {};

/** Findings that the ratchet does not cover, and entries of the ratchet that nothing needs any more. */
function ratchet(found: ReadonlyMap<string, number>, today: Readonly<Record<string, number>>): string[] {
  const grown = [...found].filter(([name, size]) => size > (today[name] ?? 0)).map(([name, size]) => `${name} has ${size}`);
  const needless = Object.keys(today).filter((name) => !found.has(name));
  return [...grown, ...needless.map((name) => `${name} is within the limit: take it off the list`)];
}

test(`no file has more than ${FILE_LINE_COUNT_MAX} lines, no test more than ${TEST_LINE_COUNT_MAX}`, () => {
  const sizes = scripts.map((file) => [file, textOf(file).trimEnd().split('\n').length] as const);
  const long = sizes.filter(([file, size]) => size > (isIn(file, ['test']) ? TEST_LINE_COUNT_MAX : FILE_LINE_COUNT_MAX));
  expect(ratchet(new Map(long), LONG_FILES_TODAY)).toEqual([]);
});

/** Each function of a file with its name. */
function* functionsOf(file: string): Generator<readonly [name: string, node: SyntaxNode, parent: SyntaxNode | null]> {
  for (const [node, parent] of nodesOf(file)) {
    if (!/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) continue;
    // A suite is a list of tests, not a function that someone has to hold in the head.
    const callee = parent?.type === 'CallExpression' && isNode(parent.callee) ? parent.callee : null;
    if (callee !== null && /^describe\b/.test(textOf(file).slice(callee.start, callee.end))) continue;
    yield [`${file} ${nameOf(node, parent)}`, node, parent];
  }
}

test(`no function has more than ${FUNCTION_LINE_COUNT_MAX} lines`, () => {
  const found = new Map<string, number>();
  for (const file of scripts) {
    for (const [name, node] of functionsOf(file)) {
      const size = textOf(file).slice(node.start, node.end).split('\n').length;
      if (size > FUNCTION_LINE_COUNT_MAX) found.set(name, size);
    }
  }
  expect(ratchet(found, LONG_FUNCTIONS_TODAY)).toEqual([]);
});

test(`no function of the product has more than ${PARAMETER_COUNT_MAX} parameters`, () => {
  const found = new Map<string, number>();
  for (const file of product) {
    for (const [name, node] of functionsOf(file)) {
      const { length } = node.params as readonly SyntaxNode[];
      if (length > PARAMETER_COUNT_MAX) found.set(name, length);
    }
  }
  expect(ratchet(found, LONG_PARAMETER_LISTS_TODAY)).toEqual([]);
});

function nameOf(node: SyntaxNode, parent: SyntaxNode | null): string {
  for (const candidate of [node.id, parent?.id, parent?.key]) {
    if (isNode(candidate) && typeof candidate.name === 'string') return candidate.name;
  }
  return 'a function without a name';
}

test('each limit says why it has its value', () => {
  const findings = files
    .filter((file) => /^protocol\/.*limits\.ts$/.test(file))
    .flatMap((file) => {
      const lines = textOf(file).split('\n');
      return lines.filter((line, index) => line.startsWith('export const') && !/\*\/$/.test(lines[index - 1] ?? ''));
    });
  expect(findings).toEqual([]);
});

/** Codes that no test provokes yet. */
const CODES_WITHOUT_TEST_TODAY: readonly string[] = [];

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
  const among = scripts.filter((file) => isIn(file, ['test']) && !listsThemAll.test(file));
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

test('the lock file names no registry', () => {
  expect(linesWith(/"resolved":/, ['package-lock.json'])).toEqual([]);
});

test('no file names a place of one machine', () => {
  const places = /(?<![\w.])\/(root|home|Users|work)\/[a-z]/;
  expect(linesWith(places, files)).toEqual([]);
});
