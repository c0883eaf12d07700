/**
 * The configuration file: rules, targets and what the monitor is told, as one JSON object, and the secrets that it names.
 *
 *     { "rules": { "slow": { "model": "digits", … } }, "targets": [ { "name": "ops", … } ], "monitor": { … } }
 *
 * Invariants
 *  - Secrets are in environment variables or files of their own. No sentence holds one.
 *  - What cannot be read or is no such object ends the start with a sentence: a collector without its alarms is worse than none.
 *
 * Not here: what a rule, a target or the monitor's options must look like (collector/incidents/rules.ts, collector/notify/targets.ts,
 * collector/monitoring/monitor-options.ts).
 */
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { CONFIG_BYTES_MAX, SECRET_BYTES_MAX } from '../../protocol/alarm-limits.ts';
import { StartupError, systemCode } from './startup-error.ts';

interface ConfigFile {
  /** By id, as they are written. */
  readonly rules: Readonly<Record<string, unknown>>;
  readonly targets: unknown;
  /** undefined where it says nothing. */
  readonly monitor: unknown;
}

/** @throws {StartupError} */
export function readConfigFile(file: string): ConfigFile {
  const json = parse(file, readWhole(file, CONFIG_BYTES_MAX, `The configuration ${file}`));
  if (!isObject(json)) throw new StartupError(`${file} must hold one JSON object: {"rules": {…}, "targets": […]}.`);
  const { rules = {}, targets = [], monitor, ...more } = json;
  const [stranger] = Object.keys(more);
  if (stranger !== undefined)
    throw new StartupError(`${file} has no field "${stranger.slice(0, 64)}"; it holds "rules", "targets" and "monitor".`);
  if (!isObject(rules)) throw new StartupError(`"rules" in ${file} must be an object: the id of a rule, and the rule.`);
  return { rules, targets, monitor };
}

/**
 * The way to the secrets that a configuration names. Paths are taken from its folder.
 *
 * @returns What throws a sentence without the secret in it.
 */
export function secretsOf(
  file: string,
  env: Readonly<Record<string, string | undefined>>,
): (named: { readonly env?: string; readonly file?: string }) => string {
  return (named) => {
    if (named.env !== undefined) {
      const value = env[named.env]?.trim() ?? '';
      if (value === '') throw new Error(`the environment variable ${named.env} is not set`);
      return value;
    }
    const path = resolve(dirname(file), named.file ?? '');
    const value = readWhole(path, SECRET_BYTES_MAX, `the secret ${path}`).trim();
    if (value === '') throw new Error(`${path} is empty`);
    return value;
  };
}

function readWhole(file: string, bytesMax: number, what: string): string {
  try {
    const { size } = statSync(file);
    if (size > bytesMax) throw new StartupError(`${what} has ${size} bytes; at most ${bytesMax} are read.`);
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(`${what} cannot be read (${systemCode(error)}). Name a file that is there and that this user may read.`);
  }
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''));
  } catch (error) {
    throw new StartupError(`${file} is no JSON: ${error instanceof Error ? error.message.split('\n', 1)[0] : 'it cannot be read'}.`);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
