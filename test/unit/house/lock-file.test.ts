/**
 * Lock file: it serves every platform, and a tree that lacks this platform's binaries is not taken for complete.
 *
 * Why: npm writes only the binaries of the machine at hand into a lock file that is made where packages lie already, and
 * `npm ci` then refuses it on every other machine. A lock made with `npm install --package-lock-only` holds them all.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Entry, isFor, missingPackages, type Platform } from '../../../scripts/run/lock-file.mjs';

interface Locked extends Entry {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const jsonOf = <T>(name: string): T => JSON.parse(readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8')) as T;
const { packages } = jsonOf<{ packages: Readonly<Record<string, Locked>> }>('package-lock.json');

const PLATFORMS: Readonly<Record<string, Platform>> = {
  'darwin-arm64': { os: 'darwin', cpu: 'arm64', libc: null },
  'darwin-x64': { os: 'darwin', cpu: 'x64', libc: null },
  'linux-arm64': { os: 'linux', cpu: 'arm64', libc: 'glibc' },
  'linux-x64': { os: 'linux', cpu: 'x64', libc: 'glibc' },
  'win32-x64': { os: 'win32', cpu: 'x64', libc: null },
};

/** Packages with binaries for fewer platforms, and why that is no gap. */
const FEWER_PLATFORMS: readonly (readonly [name: RegExp, reason: string])[] = [
  [/^node_modules\/@img\/sharp-[\w-]+$/, "one platform's binding asks for the library of that same platform"],
  [/^node_modules\/vite$/, 'fsevents reads the file events of macOS; elsewhere Node does'],
];

/** The entry that `folder` finds under `name`, as Node looks for it: beside itself, then further up. */
function found(folder: string, name: string): Locked | undefined {
  for (let from = folder; ; from = from.slice(0, Math.max(0, from.lastIndexOf('node_modules/'))).replace(/\/$/, '')) {
    const entry = packages[`${from === '' ? '' : `${from}/`}node_modules/${name}`];
    if (entry !== undefined || from === '') return entry;
  }
}

/** Packages that ask for binaries, with the binaries. */
const families = Object.entries(packages).flatMap(([folder, { optionalDependencies = {} }]) => {
  const binaries = Object.keys(optionalDependencies).flatMap((name) => found(folder, name) ?? []);
  return binaries.some(({ os }) => os !== undefined) ? [{ folder, binaries: binaries.filter(({ os }) => os !== undefined) }] : [];
});

describe('the lock file', () => {
  test('names every optional package that a package asks for', () => {
    const missing = Object.entries(packages).flatMap(([folder, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).flatMap((name) => (found(folder, name) === undefined ? [`${folder} asks for ${name}`] : [])),
    );
    expect(missing).toEqual([]);
  });

  test(`has the binaries of ${Object.keys(PLATFORMS).join(', ')} for each package that has any`, () => {
    const isExcused = (folder: string) => FEWER_PLATFORMS.some(([name]) => name.test(folder));
    const missing = families
      .filter(({ folder }) => !isExcused(folder))
      .flatMap(({ folder, binaries }) =>
        Object.entries(PLATFORMS)
          .filter(([, platform]) => !binaries.some((binary) => isFor(binary, platform)))
          .map(([name]) => `${folder} has no binary for ${name}`),
      );
    expect(families.length).toBeGreaterThan(5);
    expect(missing).toEqual([]);
  });

  test('excuses no package that has binaries for all of them', () => {
    const excused = FEWER_PLATFORMS.map(([name]) => families.filter(({ folder }) => name.test(folder)));
    const isWhole = ({ binaries }: (typeof families)[number]) =>
      Object.values(PLATFORMS).every((platform) => binaries.some((binary) => isFor(binary, platform)));
    expect(excused.map((among) => among.length > 0 && !among.some(isWhole))).toEqual(FEWER_PLATFORMS.map(() => true));
  });

  test('agrees with package.json, without which npm ci refuses it', () => {
    const { devDependencies, peerDependencies } = jsonOf<Locked>('package.json');
    expect(packages['']).toMatchObject({ devDependencies, peerDependencies });
  });
});

describe('what is missing', () => {
  const linux = PLATFORMS['linux-x64'] as Platform;
  const locked: Readonly<Record<string, Entry>> = {
    '': { version: '1.0.0' },
    'node_modules/tool': { version: '2.0.0' },
    'node_modules/tool-linux': { version: '2.0.0', optional: true, os: ['linux'], cpu: ['x64'], libc: ['glibc'] },
    'node_modules/tool-musl': { version: '2.0.0', optional: true, os: ['linux'], cpu: ['x64'], libc: ['musl'] },
    'node_modules/tool-mac': { version: '2.0.0', optional: true, os: ['darwin'], cpu: ['arm64'] },
    'node_modules/mac-part': { version: '1.0.0', optional: true },
  };
  const all = Object.fromEntries(['tool', 'tool-linux'].map((name) => [`node_modules/${name}`, { version: '2.0.0' }]));

  test('binaries of other platforms are not', () => {
    expect(missingPackages(locked, all, linux)).toEqual([]);
  });

  test("a tree copied from another platform lacks this one's binary", () => {
    expect(missingPackages(locked, all, PLATFORMS['darwin-arm64'] as Platform)).toEqual(['node_modules/tool-mac']);
  });

  test('a package in another version is, optional or not', () => {
    const old = { ...all, 'node_modules/tool': { version: '1.0.0' }, 'node_modules/mac-part': { version: '0.9.0' } };
    expect(missingPackages(locked, old, linux)).toEqual(['node_modules/tool', 'node_modules/mac-part']);
  });
});
