/**
 * Guarded children and folders: nothing that a test starts or writes outlives the test process.
 *
 * Why: a browser is a tree of processes, and a test process may end by a signal, a timeout or a crash. Each child gets a
 * process group of its own; a small guardian process (guardian-process.mjs) kills the groups and removes the folders
 * when the pipe from this process closes, for whatever reason.
 *
 * Invariants
 *  - `spawnGuarded` children lead their own process group; `killGroup` reaches their descendants too.
 *  - A group is guarded until `killGroup` has killed it, even when its leader has already exited.
 *
 * Not here: what is started (chromium.ts, firefox.ts, webkit.ts, collector-process.ts).
 */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** By the working folder, which is the repository for tests and benches alike: a bench is bundled into another place. */
const SCRIPT = resolve('test/harness/guardian-process.mjs');

let guardian: ChildProcess | null = null;

function tell(line: string): void {
  if (guardian === null) {
    guardian = spawn(process.execPath, [SCRIPT], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] });
    guardian.unref();
    const pipe = guardian.stdin as unknown as { unref?: () => void } | null;
    pipe?.unref?.();
  }
  guardian.stdin?.write(`${line}\n`);
}

/** Starts a child that leads its own process group and dies with this process. */
export function spawnGuarded(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  const child = spawn(command, args, { ...options, detached: true });
  if (child.pid !== undefined) tell(`+group ${child.pid}`);
  return child;
}

/** Guards a process group that somebody else started (a browser library). */
export function guardGroup(pid: number): void {
  tell(`+group ${pid}`);
}

/** Longest wait for a killed leader to be reaped; after that something is wrong with the machine, not with the test. */
const REAP_TIMEOUT_MS = 10_000;

/** Kills the group, waits until its leader is gone, and stops guarding it. */
export async function killGroup(pid: number, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
  // The leader alone: its descendants may stay as zombies until the machine's first process collects them.
  for (const endMs = performance.now() + REAP_TIMEOUT_MS; isAlive(pid) && performance.now() < endMs; ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  tell(`-group ${pid}`);
}

/** Stops every process of the group for so long, as a machine does that sleeps: clocks go on, timers and threads do not. */
export async function stopGroup(pid: number, durationMs: number): Promise<void> {
  process.kill(-pid, 'SIGSTOP');
  try {
    await new Promise((resolve) => setTimeout(resolve, durationMs));
  } finally {
    process.kill(-pid, 'SIGCONT');
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** A new folder under the system's temporary folder, removed with this process at the latest. */
export function guardedFolder(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `insitu-${name}-`));
  tell(`+folder ${folder}`);
  return folder;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  tell(`-folder ${folder}`);
}
