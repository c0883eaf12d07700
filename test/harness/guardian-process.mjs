/**
 * Guardian process: outlives a test process only to clean up after it.
 *
 * Why: a test process that is killed with SIGKILL, or that vitest ends, runs no exit handler; browsers and collectors
 * would stay. The guardian holds the other end of a pipe, and the kernel closes that pipe whatever happened.
 *
 * Invariants
 *  - Lines on standard input: `+group PID`, `-group PID`, `+folder PATH`, `-folder PATH`. Nothing else is done.
 *  - At the end of standard input each group still named gets SIGKILL, then each folder still named is removed.
 *
 * Not here: deciding what to guard (guardian.ts).
 */
import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline';

const groups = new Set();
const folders = new Set();
const SETTLE_MS = 300;

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});

for await (const line of createInterface({ input: process.stdin })) {
  const space = line.indexOf(' ');
  const [verb, subject] = [line.slice(0, space), line.slice(space + 1)];
  if (verb === '+group') groups.add(Number(subject));
  if (verb === '-group') groups.delete(Number(subject));
  if (verb === '+folder') folders.add(subject);
  if (verb === '-folder') folders.delete(subject);
}
for (const pid of groups) {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Gone already: that is what we wanted.
  }
}
if (groups.size > 0 && folders.size > 0) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
