/**
 * Memory of a process group: what a browser with all its processes holds, each shared page counted once in parts (Pss).
 *
 * Why: what a worker leaves behind (a WASM heap, a thread) shows in no heap of the page.
 *
 * Not here: the heap of the page's scripts (chromium.ts), which does not hold memory that only belongs to a process.
 */
import { readdirSync, readFileSync } from 'node:fs';

export function groupBytes(group: number): number {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && groupOf(name) === group)
    .reduce((sum, name) => sum + proportionalBytes(name), 0);
}

/** Field 5 of /proc/N/stat, counted behind the command, which may hold spaces; null when the process is gone. */
function groupOf(process: string): number | null {
  const stat = readText(`/proc/${process}/stat`);
  return stat === null ? null : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
}

function proportionalBytes(process: string): number {
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(readText(`/proc/${process}/smaps_rollup`) ?? '')?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return null;
  }
}
