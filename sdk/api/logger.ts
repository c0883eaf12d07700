/**
 * Public types of what the application is told. Types only; sdk/logger.ts holds the behaviour.
 *
 * Why apart: a service worker is told as well, and has no type of a document.
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** Receives what happened and what to do: codes and counts, never an input, output or identifier. */
export type Logger = (level: LogLevel, code: string, message: string) => void;

export interface LogOptions {
  /** Default: the console. `() => undefined` silences it. */
  readonly logger?: Logger;
  /** The least that the logger is told. Default `warn`. */
  readonly logLevel?: LogLevel;
}
