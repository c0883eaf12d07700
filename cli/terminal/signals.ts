/**
 * The end that a person or a supervisor asks for: a command that goes on until it is told to stop finishes what it is at.
 *
 * Invariants
 *  - SIGINT and SIGTERM lead to exit 0 once `close` is done; a second one does not wait.
 */
import { fail } from './exit.ts';

/** One Ctrl+C under npm arrives twice, from the terminal and from npm; what comes later was meant. */
const SAME_SIGNAL_MS = 500;

export function closeOnSignal(close: () => Promise<void>): void {
  const stop = () => {
    const stopMs = performance.now();
    const insist = () => {
      if (performance.now() - stopMs > SAME_SIGNAL_MS) process.exit(1);
    };
    process.on('SIGINT', insist).on('SIGTERM', insist);
    close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
}
