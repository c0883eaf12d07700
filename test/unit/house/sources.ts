/**
 * The files that are, or would be, committed, with their text and syntax: what the rules of this house are read from.
 *
 * Not here: the rules (rooms.test.ts, tidy.test.ts, documents.test.ts).
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseAst } from 'rolldown/parseAst';

const root = fileURLToPath(new URL('../../../', import.meta.url));

export const files: readonly string[] = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => file !== '' && statSync(root + file, { throwIfNoEntry: false })?.isFile());

const texts = new Map(files.map((file) => [file, readFileSync(root + file, 'latin1')]));

export const textOf = (file: string): string => texts.get(file) ?? '';

/** Sections of the product; each is a room or holds rooms (rooms.ts). */
export const PRODUCT = ['protocol', 'counts', 'onnx', 'processing', 'site', 'sdk', 'worker', 'collector', 'cli', 'demo'] as const;

export const isIn = (file: string, folders: readonly string[]): boolean => folders.some((folder) => file.startsWith(`${folder}/`));
const isScript = (file: string): boolean => /\.(ts|mts|mjs|js)$/.test(file) && !/\.d\.m?ts$/.test(file);
/** Pages of an earlier release that tests serve: not ours to tidy. */
const isKept = (file: string): boolean => file.startsWith('test/fixtures/release-');

export const scripts = files.filter((file) => isScript(file) && !isKept(file));
export const product = scripts.filter((file) => isIn(file, PRODUCT));
/** The room of a product's file: its folder. */
export const roomOf = (file: string): string => posix.dirname(file);

export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [key: string]: unknown;
}

export const isNode = (value: unknown): value is SyntaxNode => typeof value === 'object' && value !== null && 'type' in value;

const trees = new Map<string, unknown>();

function treeOf(file: string): unknown {
  const known = trees.get(file);
  if (known !== undefined) return known;
  const tree = parseAst(textOf(file), { lang: /\.m?ts$/.test(file) ? 'ts' : 'js', sourceType: 'module' });
  trees.set(file, tree);
  return tree;
}

/** Every node of a file with the one that holds it. */
export function* nodesOf(file: string): Generator<readonly [node: SyntaxNode, parent: SyntaxNode | null]> {
  const open: [unknown, SyntaxNode | null][] = [[treeOf(file), null]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, parent] = next;
    if (Array.isArray(value)) for (const item of value) open.push([item, parent]);
    else if (isNode(value)) {
      yield [value, parent];
      for (const child of Object.values(value)) if (typeof child === 'object' && child !== null) open.push([child, value]);
    }
  }
}

export interface Import {
  readonly file: string;
  /** As written. */
  readonly name: string;
  /** Path from the top folder; null for a package. */
  readonly target: string | null;
}

function importsOf(file: string): Import[] {
  const found: Import[] = [];
  for (const [node] of nodesOf(file)) {
    if (!/^(ImportDeclaration|ExportAllDeclaration|ExportNamedDeclaration|ImportExpression|TSImportType)$/.test(node.type)) continue;
    if (!isNode(node.source) || typeof node.source.value !== 'string') continue;
    const name = node.source.value;
    const target = name.startsWith('.') ? posix.join(posix.dirname(file), name.replace(/\?.*$/, '')) : null;
    found.push({ file, name, target });
  }
  return found;
}

export const imports: readonly Import[] = product.flatMap(importsOf);

/** `file:line: text` of each line that matches. */
export function linesWith(pattern: RegExp, among: readonly string[]): string[] {
  return among.flatMap((file) =>
    textOf(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 100)}`] : [])),
  );
}

export const isComment = (finding: string): boolean => /^[^:]+:\d+: (\*|\/\/|\/\*)/.test(finding);
export const fileOfLine = (finding: string): string => finding.slice(0, finding.indexOf(':'));
export const lineOf = (file: string, offset: number): number => textOf(file).slice(0, offset).split('\n').length;
