/**
 * The admin key: who may register models.
 *
 * Invariants
 *  - Compared in constant time over hashes, so neither its length nor a common prefix shows in the answer's time.
 *  - A generated key lies in the data folder, readable by its owner only; it is never printed.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createDataFolder } from './data-folder.ts';
import { StartupError, systemCode } from './startup-error.ts';

const ADMIN_KEY_FILE = 'admin-key';
/** What the audit calls it. */
export const ADMIN_KEY_NAME = 'admin';

/** The key kept in `folder`, made on the first start. */
export async function loadAdminKey(folder: string): Promise<string> {
  const file = join(folder, ADMIN_KEY_FILE);
  await createDataFolder(folder);
  try {
    const kept = await readFile(file, 'utf8').catch((error: unknown) => {
      if (systemCode(error) === 'ENOENT') return '';
      throw error;
    });
    if (kept.trim() !== '') return kept.trim();
    const key = randomBytes(24).toString('hex');
    await writeFile(file, `${key}\n`, { mode: 0o600 });
    return key;
  } catch (error) {
    throw new StartupError(
      `The admin key ${file} cannot be kept (${systemCode(error)}). Make the folder writable, or set INSITU_ADMIN_KEY.`,
      { cause: error },
    );
  }
}

/** True when an `Authorization` header carries the key. */
export function isAdmin(authorization: string | undefined, adminKey: string): boolean {
  const token = authorization?.startsWith('Bearer ') ? authorization.slice(7) : '';
  return token !== '' && timingSafeEqual(sha256(token), sha256(adminKey));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
