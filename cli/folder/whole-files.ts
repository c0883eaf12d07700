/**
 * Whole files: a folder gets all of its new files or none, whatever ends the command meanwhile.
 *
 * Invariants
 *  - Everything is written beside its name first and renamed only when all of it is there, in the order given: the file that names
 *    the others comes last.
 *  - Ctrl-C while writing removes what was written and leaves the folder as it was.
 */
import { renameSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export async function writeAllWhole(folder: string, files: ReadonlyMap<string, Uint8Array | string>): Promise<void> {
  const parts = [...files].map(([name, data]) => ({ data, file: join(folder, name), part: join(folder, `${name}.${process.pid}.part`) }));
  const clear = () => {
    for (const { part } of parts) rmSync(part, { force: true });
  };
  const stop = (signal: NodeJS.Signals) => {
    clear();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    await mkdir(folder, { recursive: true });
    for (const { part, data } of parts) await writeFile(part, data);
    // Synchronous, so that no signal comes between two of them.
    for (const { part, file } of parts) renameSync(part, file);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    clear();
  }
}
