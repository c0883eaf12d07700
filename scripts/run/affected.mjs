/**
 * Affected: which unit tests a change touches.
 *
 * How: Vitest follows imports (`vitest related`). It cannot see what a test reads or compiles, so these rules add scripts
 * to the change, and imports do the rest:
 *  - a script of the tests that asks Git for the repository's files always counts as changed (the tidy test is one);
 *  - one that runs a compiler or bundler counts as changed with any script;
 *  - one that names a changed file, or a folder above it, counts as changed where that file is no script itself.
 * Everything runs when a file changed that all tests stand on, and when the change is large.
 *
 * Invariants
 *  - Errs on the side of more: a name that happens to be the same brings a test in, never leaves one out.
 *
 * Not here: running (check.mjs, steps.mjs). What neither imports nor names show, `npm test` runs.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './packages.mjs';

/** Where a branch began, if nobody says: the first of these that Git knows. */
const MAIN_BRANCHES = ['origin/HEAD', 'origin/main', 'main'];
/** Every test stands on these. */
const BASIS = /^(package(-lock)?\.json|vitest\.config\.ts|tsconfig\.base\.json|scripts\/definitions\.mjs)$/;
/** From here on most tests are touched anyway, and a command line has an end (32,767 characters on Windows). */
const CHANGED_COUNT_MAX = 150;
const GIT_OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const READS_EVERYTHING = /['"]ls-files['"]/;
const COMPILES = /typescript\/bin\/tsc|from 'rolldown/;

const isScript = (file) => /\.(ts|mts|mjs|js)$/.test(file);
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** @param {string} folder @param {...string} args @returns {string | null} null where Git refuses */
function git(folder, ...args) {
  try {
    const options = { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: GIT_OUTPUT_BYTES_MAX };
    return execFileSync('git', args, options);
  } catch {
    return null;
  }
}

const pathsOf = (text) => (text ?? '').split('\0').filter(Boolean);

/**
 * The commit that the change is measured from: where this branch left `base`, or main.
 *
 * @param {string | undefined} base a revision
 * @param {string} folder of the repository
 * @returns {string | null} null: there is no such commit, or no repository
 */
export function baseCommit(base, folder = root) {
  for (const branch of base === undefined ? MAIN_BRANCHES : [base]) {
    const commit = git(folder, 'merge-base', branch, 'HEAD');
    if (commit !== null) return commit.trim();
  }
  return null;
}

/** @param {string} commit @param {string} folder @returns {string[]} what differs from it, committed or not; new and deleted files too */
export function changedFiles(commit, folder = root) {
  const changed = pathsOf(git(folder, 'diff', '--name-only', '--no-renames', '-z', commit));
  const added = pathsOf(git(folder, 'ls-files', '--others', '--exclude-standard', '-z'));
  return [...new Set([...changed, ...added])].sort();
}

/** @param {string} folder @returns {Map<string, string>} the repository's scripts by path */
export function scriptTexts(folder = root) {
  const files = pathsOf(git(folder, 'ls-files', '--cached', '--others', '--exclude-standard', '-z'));
  const scripts = files.filter((file) => isScript(file) && existsSync(join(folder, file)));
  return new Map(scripts.map((file) => [file, readFileSync(join(folder, file), 'utf8')]));
}

/**
 * Finds a file in a text: its name, a folder above it that is two or more deep, or its top folder as a path of its own
 * (`'docs'`, `'docs/'`).
 *
 * @param {string} file
 * @returns {RegExp}
 */
function namePattern(file) {
  const [top, ...rest] = file.split('/');
  const folders = rest.slice(0, -1).map((_, index) => [top, ...rest.slice(0, index + 1)].join('/'));
  const whole = [rest.at(-1) ?? top, ...folders].map((text) => `(?<![\\w.-])${escaped(text)}(?![\\w-])`);
  const alone = rest.length > 0 ? [`['"\`/]${escaped(top)}/?['"\`]`] : [];
  return new RegExp([...whole, ...alone].join('|'));
}

/**
 * What Vitest is asked for.
 *
 * @param {readonly string[]} changed
 * @param {ReadonlyMap<string, string>} texts the repository's scripts by path
 * @returns {string[] | null} scripts: they run if they are tests, and so does what imports them. null: all tests
 */
export function changedScripts(changed, texts) {
  if (changed.length > CHANGED_COUNT_MAX || changed.some((file) => BASIS.test(file))) return null;
  const names = changed.filter((file) => !isScript(file)).map(namePattern);
  const hasScripts = changed.some(isScript);
  const counts = (text) =>
    READS_EVERYTHING.test(text) || (hasScripts && COMPILES.test(text)) || names.some((pattern) => pattern.test(text));
  const ofTests = [...texts].filter(([file, text]) => file.startsWith('test/') && counts(text)).map(([file]) => file);
  return [...new Set([...changed.filter((file) => texts.has(file)), ...ofTests])].sort();
}
