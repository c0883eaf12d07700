/**
 * Packages: installed when, and only when, what is there is not what package-lock.json names.
 *
 * Why by content: time stamps mean nothing in a fresh clone, and a needless installation would move files under a running
 * server.
 *
 * Why `npm install --no-save` and not `npm ci`: the lock file names the binaries of the platforms on which it was made.
 * `npm ci` refuses a lock file without those of all the others; `npm install` takes every locked version as it is, finds
 * the binary of this platform, and with `--no-save` writes nothing.
 *
 * Invariants
 *  - Plain Node; nothing from node_modules is imported here.
 *  - After `ensurePackages` returned true, every package that this platform needs is there in its locked version.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));

function arePackagesInstalled() {
  const installedPath = join(root, 'node_modules/.package-lock.json');
  if (!existsSync(installedPath)) return false;
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages;
  return Object.entries(locked).every(([folder, { version, optional }]) => {
    if (folder === '') return true;
    // An optional package may belong to another platform.
    if (installed[folder] === undefined) return optional === true;
    return installed[folder].version === version && existsSync(join(root, folder));
  });
}

/** @returns {boolean} whether the packages are there; if not, npm has said why. */
export function ensurePackages() {
  if (arePackagesInstalled()) return true;
  process.stdout.write('Installing packages …\n');
  const npm = process.env.npm_execpath;
  const args = ['install', '--no-save', '--no-audit', '--no-fund'];
  const options = { cwd: root, stdio: 'inherit' };
  const done = npm?.endsWith('.js')
    ? spawnSync(process.execPath, [npm, ...args], options)
    : spawnSync('npm', args, { ...options, shell: process.platform === 'win32' });
  if (done.status === 0) return true;
  process.stderr.write(
    'The packages could not be installed; npm said why above. Check the network and the free space, then run the command again.\n',
  );
  return false;
}
