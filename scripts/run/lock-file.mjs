/**
 * Lock file: which of the packages that it names a platform needs, and which of those are missing.
 *
 * Why: the lock names the binaries of every platform, and only those of one are installed. Without a look at `os`, `cpu`
 * and `libc` a tree that was copied from another machine would pass for complete, and fail later in another's words.
 *
 * Invariants
 *  - Pure: no file is read here.
 *  - An optional package without a platform is never missed: it belongs to a binary of another platform.
 *
 * Not here: reading and installing (packages.mjs).
 */

/** @typedef {{ version?: string, optional?: boolean, os?: string[], cpu?: string[], libc?: string[] }} Entry */
/** @typedef {{ os: string, cpu: string, libc: string | null }} Platform */

/** @param {Entry} entry @param {Platform} platform */
export function isFor({ os, cpu, libc }, platform) {
  const allows = (list, value) => list === undefined || list.includes(value);
  return allows(os, platform.os) && allows(cpu, platform.cpu) && (platform.libc === null || allows(libc, platform.libc));
}

/**
 * Folders of packages that are not there in their locked version.
 *
 * @param {Record<string, Entry>} locked `packages` of package-lock.json
 * @param {Record<string, Entry>} installed `packages` of node_modules/.package-lock.json
 * @param {Platform} platform
 * @returns {string[]}
 */
export function missingPackages(locked, installed, platform) {
  const isNeeded = (entry) => !entry.optional || (entry.os !== undefined && isFor(entry, platform));
  const isMissing = (folder, { version }, found) => folder !== '' && found?.version !== version;
  return Object.entries(locked)
    .filter(([folder, entry]) => isMissing(folder, entry, installed[folder]) && (installed[folder] !== undefined || isNeeded(entry)))
    .map(([folder]) => folder);
}
