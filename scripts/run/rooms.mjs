/**
 * Rooms: the top folders with sources, as tsconfig.json at the top lists them.
 *
 * Why from there: a folder that is compiled is one that is built and proven; a list of its own would miss the next one.
 * test/unit/house/projects.test.ts holds that list against the folders.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './packages.mjs';

/** @param {readonly string[]} without @returns {string[]} */
export function roomsWithout(without) {
  const { references } = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  return [...new Set(references.map(({ path }) => path.split('/')[0]))].filter((folder) => !without.includes(folder));
}
