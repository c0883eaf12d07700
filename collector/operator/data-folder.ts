/**
 * The data folder: where a collector keeps its database and its admin key.
 */
import { mkdir, readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { StartupError, systemCode } from './startup-error.ts';

/** Does nothing when it is there. @throws {StartupError} when it cannot be made. */
export async function createDataFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw new StartupError(
      `The data folder ${folder} cannot be created (${systemCode(error)}). Name a folder that this user may write, with --data.`,
      { cause: error },
    );
  }
}

/** Bytes that the folder's files take, and what is left where it lies; null where the system does not tell. */
export async function diskOf(folder: string): Promise<{ readonly storeBytes: number | null; readonly freeBytes: number | null }> {
  const sizes = readdir(folder).then((names) => Promise.all(names.map(async (name) => (await stat(join(folder, name))).size)));
  // A file may go between the two, as a database's log does at a checkpoint.
  const storeBytes = await sizes.then((all) => all.reduce((sum, bytes) => sum + bytes, 0)).catch(() => null);
  const freeBytes = await statfs(folder)
    .then(({ bavail, bsize }) => bavail * bsize)
    .catch(() => null);
  return { storeBytes, freeBytes };
}
