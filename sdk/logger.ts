/**
 * Logger: what happened and what to do, with a code, to the application's own sink or the console.
 *
 * Invariants
 *  - A message holds codes, counts, sizes and names of the manifest; never an input, an output or an identifier.
 *  - A sink that throws disturbs no call.
 */
import type { ClientOptions } from './api/client.ts';
import type { Logger, LogLevel } from './api/logger.ts';

const RANKS: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

const toConsole: Logger = (level, code, message) => console[level](`insitu ${code}: ${message}`);

export function createLogger({ logger = toConsole, logLevel = 'warn' }: Pick<ClientOptions, 'logger' | 'logLevel'>): Logger {
  return (level, code, message) => {
    if (RANKS[level] < RANKS[logLevel]) return;
    try {
      logger(level, code, message);
    } catch {
      // The logger itself failed.
    }
  };
}
