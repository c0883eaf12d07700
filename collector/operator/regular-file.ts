/**
 * Opening what must be a file: a pipe, a device or a folder under its name is neither waited for nor read.
 *
 * Why by descriptor: what a name leads to may change between a look and the opening. Opening a pipe waits for its writer unless told not to,
 * and a device never ends.
 *
 * Not here: which files are asked for.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';

/** Not on every system. */
const { O_NONBLOCK = 0 } = constants as { readonly O_NONBLOCK?: number };

/** null when it is there and no file. The caller closes it. @throws what the system says. */
export async function openRegularFile(file: string): Promise<FileHandle | null> {
  // A device may act when it is opened, and is not even that.
  if (!(await stat(file)).isFile()) return null;
  const opened = await open(file, constants.O_RDONLY | O_NONBLOCK);
  const isFile = await opened.stat().then(
    (stats) => stats.isFile(),
    () => false,
  );
  if (isFile) return opened;
  await opened.close();
  return null;
}

/** At most that many bytes, or why there are none. @throws what the system says. */
export async function readRegularFile(file: string, bytesMax: number): Promise<Buffer<ArrayBuffer> | 'no-file' | 'too-long'> {
  const opened = await openRegularFile(file);
  if (opened === null) return 'no-file';
  try {
    return (await opened.stat()).size > bytesMax ? 'too-long' : await opened.readFile();
  } finally {
    await opened.close();
  }
}
