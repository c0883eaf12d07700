/**
 * Packages: installed when, and only when, what is there is not what package-lock.json names.
 *
 * Why by content: time stamps mean nothing in a fresh clone, and a needless installation would move files under a running
 * server.
 *
 * Why two commands of npm: a clone without packages gets `npm ci`, which takes the lock file and nothing else. Where
 * packages lie already, `npm ci` would first delete them all: under a server or a watch that runs from them, and for good
 * when the network then fails. So they are brought to the locked versions in place (`npm install --no-save` changes what
 * differs, writes no lock file, and puts back what was there if it fails). An installation that never came to its end
 * has no `.package-lock.json` and counts as none.
 *
 * Invariants
 *  - Plain Node; nothing from node_modules is imported here.
 *  - After `ensurePackages` returned true, every package that this platform needs is there in its locked version.
 *
 * Not here: what a platform needs (lock-file.mjs).
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { missingPackages } from './lock-file.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url));

const INSTALLED = join(root, 'node_modules/.package-lock.json');
const NAMED_COUNT_MAX = 5;

/** @returns {import('./lock-file.mjs').Platform} */
function thisPlatform() {
  const isLinux = process.platform === 'linux';
  const isGlibc = isLinux && process.report.getReport().header.glibcVersionRuntime !== undefined;
  return { os: process.platform, cpu: process.arch, libc: isLinux ? (isGlibc ? 'glibc' : 'musl') : null };
}

/** @returns {string[]} folders of packages that are not there as the lock file names them */
function missing() {
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = existsSync(INSTALLED) ? JSON.parse(readFileSync(INSTALLED, 'utf8')).packages : {};
  // What npm wrote down may have been deleted by hand since.
  const there = Object.entries(installed).filter(([folder]) => existsSync(join(root, folder)));
  return missingPackages(locked, Object.fromEntries(there), thisPlatform());
}

/** @returns {boolean} whether npm ended well */
function install() {
  const command = existsSync(INSTALLED) ? ['install', '--no-save'] : ['ci'];
  const args = [...command, '--no-audit', '--no-fund'];
  const npm = process.env.npm_execpath;
  const options = { cwd: root, stdio: 'inherit' };
  const done = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
  return done.status === 0;
}

/** @returns {boolean} whether the packages are there; if not, it has been said why. */
export function ensurePackages() {
  if (missing().length === 0) return true;
  process.stdout.write('Installing packages …\n');
  if (!install()) {
    process.stderr.write(
      'The packages could not be installed; npm said why above. Check the network and the free space, then run the command again.\n',
    );
    return false;
  }
  const left = missing();
  if (left.length === 0) return true;
  const more = left.length > NAMED_COUNT_MAX ? ` and ${left.length - NAMED_COUNT_MAX} more` : '';
  process.stderr.write(
    `npm left out ${left.slice(0, NAMED_COUNT_MAX).join(', ')}${more}. Stop what runs from this folder and install anew: npm ci\n`,
  );
  return false;
}
