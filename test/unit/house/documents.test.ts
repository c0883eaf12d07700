/**
 * Documents: what they name is there, and each word of the house has one meaning.
 *
 * Why: a header that names the wrong file sends its reader into the wrong room, and nothing else notices.
 *
 * Not here: that README's code compiles (readme.test.ts), generated documents (test/unit/cli/generated-documents.test.ts).
 */
import { posix } from 'node:path';
import { expect, test } from 'vitest';
import { ROOMS } from './rooms.ts';
import { files, isIn, isNode, nodesOf, PRODUCT, product, type SyntaxNode, scripts, textOf } from './sources.ts';

const GENERATED = ['docs/data-dictionary.md'];
const documents = files.filter((file) => file.endsWith('.md') && !isIn(file, ['models', 'test']));
const prose = documents.filter((file) => !GENERATED.includes(file) && file !== 'CHANGELOG.md');

const SECTIONS = [...PRODUCT, 'models', 'bench', 'test', 'docs', 'scripts'].join('|');
const A_PATH = new RegExp(`(?<![\\w/.@-])(?:${SECTIONS})/[\\w./-]*\\.(?:ts|mjs|md|css|json|py|html)\\b`, 'g');
const baseNames = new Set(files.map((file) => posix.basename(file)));

/** `file: path` for each path that a text names and the house does not have. */
const missingPaths = (among: readonly string[], textIn: (file: string) => string): string[] =>
  among.flatMap((file) => {
    const named = new Set(textIn(file).match(A_PATH) ?? []);
    // In capitals: whatever the reader has.
    return [...named].filter((path) => !files.includes(path) && !/[A-Z]{3}/.test(posix.basename(path))).map((path) => `${file}: ${path}`);
  });

test('every path that a document names is there', () => {
  expect(missingPaths(documents, textOf)).toEqual([]);
});

test('every test that a document names by its file name is there', () => {
  const findings = documents.flatMap((file) =>
    [...textOf(file).matchAll(/`([\w-]+(?:\.prove)?\.test\.ts)`/g)]
      .map((match) => match[1] as string)
      .filter((name) => !baseNames.has(name))
      .map((name) => `${file}: ${name}`),
  );
  expect(findings).toEqual([]);
});

test('every path that a comment names is there', () => {
  const commentsIn = (file: string): string => (textOf(file).match(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm) ?? []).join('\n');
  expect(missingPaths(scripts, commentsIn)).toEqual([]);
});

test('a guide lists its files, and all of them are there', () => {
  const guides = files.filter((file) => isIn(file, ['docs/guides']));
  const findings = guides.flatMap((file) => {
    const listed = /^```files\n([\s\S]*?)^```/m.exec(textOf(file))?.[1]?.trim().split('\n') ?? [];
    return listed.length === 0
      ? [`${file} lists no files`]
      : listed.filter((path) => !files.includes(path)).map((path) => `${file}: ${path}`);
  });
  expect(guides.length).toBeGreaterThan(4);
  expect(findings).toEqual([]);
});

test('a decision names the files that hold it, and its test', () => {
  const decisions = files.filter((file) => isIn(file, ['docs/decisions']));
  const findings = decisions.flatMap((file) =>
    textOf(file)
      .split(/^## /m)
      .slice(1)
      .filter((section) => !/^Files?: |^Tests?: |\btests?: |no test of its own/im.test(section))
      .map((section) => `${file}: ${section.split('\n', 1)[0]}`),
  );
  expect(decisions.length).toBeGreaterThan(7);
  expect(findings).toEqual([]);
});

const LINE_LENGTH_MAX = 120;

test(`a line of prose has at most ${LINE_LENGTH_MAX} characters`, () => {
  const findings = [...prose, 'CHANGELOG.md'].flatMap((file) => {
    let isCode = false;
    return Buffer.from(textOf(file), 'latin1')
      .toString()
      .split('\n')
      .flatMap((line, index) => {
        if (/^\s*```/.test(line)) isCode = !isCode;
        // A table's row, a link or an example cannot be broken.
        const isWhole = isCode || /^\s*\|/.test(line) || /\]\(\S+\)|https?:\/\/\S+/.test(line);
        return !isWhole && line.length > LINE_LENGTH_MAX ? [`${file}:${index + 1} has ${line.length}`] : [];
      });
  });
  expect(findings).toEqual([]);
});

test('the architecture tells what each room holds', () => {
  const told = new Set<string>();
  const rows = textOf('ARCHITECTURE.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  for (const row of rows) {
    const [first, ...rest] = [...(row.split('|')[1] ?? '').matchAll(/`([\w/-]+?)\/`/g)].map((match) => match[1] as string);
    if (first === undefined) continue;
    told.add(first);
    for (const name of rest) told.add(name.includes('/') || name in ROOMS ? name : `${posix.dirname(first)}/${name}`);
  }
  // A room inside a told one is its parent's matter: processing/audio, demo/service-worker.
  const untold = Object.keys(ROOMS).filter((room) => !told.has(room) && !told.has(posix.dirname(room)));
  expect(untold).toEqual([]);
});

/** Words in backticks in the glossary's last column: refused as a name, or as a word in one. */
const retired = textOf('docs/glossary.md')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| word'))
  .flatMap((line) => [...(line.split('|').at(-2) ?? '').matchAll(/`([\w-]+)`/g)].map((match) => match[1] as string));

/** Names of other people's that we have to say. */
const FOREIGN = /^(LockManager|AddressInfo|FileHandle|bucketCounts|.*FileSystem.*Handle)$/;

const wordsOf = (name: string): string[] =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);

/** Names that a file gives: of declarations, members, parameters. */
function namesIn(file: string): string[] {
  return [...nodesOf(file)].flatMap(([node, parent]) => {
    if (node.type !== 'Identifier' || !isNode(parent) || FOREIGN.test(String(node.name))) return [];
    const isGiven = [parent.id, parent.key].includes(node) || (parent.params as SyntaxNode[] | undefined)?.includes(node);
    return isGiven ? [String(node.name)] : [];
  });
}

test('no name of the product uses a word that the glossary has retired', () => {
  const findings = product.flatMap((file) => {
    const names = new Set([...namesIn(file), posix.basename(file).replace(/\..*$/, '')]);
    return [...names].flatMap((name) =>
      retired
        .filter((word) => name === word || name.toLowerCase() === word.toLowerCase() || wordsOf(name).includes(word))
        .map((word) => `${file}: ${name} (${word})`),
    );
  });
  expect(retired.length).toBeGreaterThan(15);
  expect(findings).toEqual([]);
});
