/**
 * The admin key of a collector, as commands take it.
 *
 * Invariants
 *  - From the environment or a file, never from the command line, where every user of the machine can read it.
 */
import { readFileSync } from 'node:fs';
import { CommandError } from './command-error.ts';

export const KEY_FILE_DEFAULT = '.insitu/admin-key';

/** @throws {CommandError} when there is none. */
export function readAdminKey(file: string): string {
  const { INSITU_ADMIN_KEY: key } = process.env;
  if (key) return key;
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    throw new CommandError(`The admin key ${file} cannot be read. Name it with --key-file, or set INSITU_ADMIN_KEY.`);
  }
}
