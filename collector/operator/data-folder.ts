/**
 * The data folder: where a collector keeps its database and its admin key.
 */
import { mkdir } from 'node:fs/promises';
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
