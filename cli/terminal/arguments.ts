/**
 * Arguments: the one way in which a command reads its own.
 *
 * Invariants
 *  - What cannot be understood is a `UsageError` that names the command's help.
 *  - `--help` is answered before a command runs (cli/command-line.ts), so no command declares it.
 */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { nearestWord } from '../../protocol/nearest-word.ts';
import { UsageError } from './command-error.ts';

const DAY_MS = 24 * 3_600_000;

type Options = NonNullable<ParseArgsConfig['options']>;

/** The values of a command's options, the names beside them, and both in the order in which they were given. */
export function readArguments<const O extends Options>(command: string, args: readonly string[], options: O) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, tokens: true });
  } catch (error) {
    throw new UsageError(`${refusal(error, Object.keys(options))} ${seeHelp(command)}`);
  }
}

/** The values of a command's options, for a command that takes nothing beside them. */
export function readOptions<const O extends Options>(command: string, args: readonly string[], options: O) {
  const { values, positionals } = readArguments(command, args, options);
  const [stranger] = positionals;
  if (stranger !== undefined) throw new UsageError(`insitu ${command} takes no "${stranger}". ${seeHelp(command)}`);
  return values;
}

/** @param sentence What to name, for whoever named nothing or too much. */
export function onlyName(command: string, names: readonly string[], sentence: string): string {
  const [name] = names;
  if (name === undefined || names.length > 1) throw new UsageError(`${sentence} ${seeHelp(command)}`);
  return name;
}

export function seeHelp(command: string): string {
  return `See insitu ${command} --help.`;
}

/** @throws {UsageError} unless the text is a whole number from 1 on. */
export function countOf(option: string, text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`--${option} must be a whole number from 1 on, not "${text}".`);
  return Number(text);
}

/** Days since 1970. @throws {UsageError} unless the text is a day such as 2026-01-31. */
export function dayOf(option: string, text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}$/.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text || ms < 0) {
    throw new UsageError(`--${option} must be a day such as 2026-01-31, not "${text}".`);
  }
  return ms / DAY_MS;
}

/** @throws {UsageError} unless the text is a number from 0 on. */
export function numberOf(option: string, text: string): number {
  if (!/^(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text)) throw new UsageError(`--${option} must be a number from 0 on, not "${text}".`);
  return Number(text);
}

/** The first sentence of what Node refuses, and the option that was meant. */
function refusal(error: unknown, options: readonly string[]): string {
  const sentence = `${error instanceof Error ? error.message.split('. ', 1)[0] : String(error)}`.replace(/\.?$/, '.');
  const unknown = /^Unknown option '--([^']+)'/.exec(sentence)?.[1];
  const meant = unknown === undefined ? null : nearestWord(unknown, options);
  return meant === null ? sentence : `${sentence} Did you mean --${meant}?`;
}
