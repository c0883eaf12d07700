/**
 * Monitor options: what an owner says in the configuration file of budget, tolerance and burn-in, for all models and for some.
 *
 *     "monitor": { "default": { "budget": 2 }, "models": { "digits": { "tolerance": 0.01, "burnInDays": 35 } } }
 *
 * Invariants
 *  - A version outranks a name, and a name outranks the default; what is not said is MONITOR_DEFAULTS.
 *  - What cannot be used is a sentence when the collector starts.
 *
 * Not here: reading the file (collector/operator/config-file.ts), what the numbers do (counts/monitor/monitor.ts).
 */
import { MONITOR_DEFAULTS, Monitor, type MonitorOptions } from '../../counts/monitor/monitor.ts';
import { isRecord } from '../incidents/owner-error.ts';
import type { Registration } from '../store/store.ts';

export interface OwnersOptions {
  readonly default: MonitorOptions;
  /** By name or version. */
  readonly models: ReadonlyMap<string, MonitorOptions>;
}

const FIELDS = ['budget', 'tolerance', 'burnInDays'] as const;

/** @param json As it stands in the file; undefined where it says nothing. @throws {RangeError} in a sentence about the first that is wrong. */
export function readMonitorOptions(json: unknown): OwnersOptions {
  if (json === undefined) return { default: MONITOR_DEFAULTS, models: new Map() };
  const { default: ofAll = {}, models = {}, ...more } = objectOf(json, '"monitor"');
  refuseStrangers('"monitor"', more, ['default', 'models']);
  const base = optionsOf(ofAll, '"monitor.default"', MONITOR_DEFAULTS);
  const own = Object.entries(objectOf(models, '"monitor.models"'));
  return {
    default: base,
    models: new Map(own.map(([name, said]) => [name, optionsOf(said, `"monitor.models" of ${JSON.stringify(name.slice(0, 64))}`, base)])),
  };
}

export function optionsFor({ default: base, models }: OwnersOptions, { modelVersion, name }: Registration): MonitorOptions {
  return models.get(modelVersion) ?? models.get(name) ?? base;
}

function optionsOf(json: unknown, where: string, base: MonitorOptions): MonitorOptions {
  const said = objectOf(json, where);
  refuseStrangers(where, said, FIELDS);
  const options = { ...base, ...said } as MonitorOptions;
  const { budget, tolerance, burnInDays } = options;
  if (typeof budget !== 'number' || typeof burnInDays !== 'number' || (tolerance !== null && typeof tolerance !== 'number'))
    throw new RangeError(`${where}: "budget" and "burnInDays" are numbers, "tolerance" is a number or null`);
  try {
    new Monitor(options);
  } catch (error) {
    throw new RangeError(`${where}: ${error instanceof Error ? error.message : String(error)}`);
  }
  return options;
}

function refuseStrangers(where: string, given: Readonly<Record<string, unknown>>, known: readonly string[]): void {
  const stranger = Object.keys(given).find((field) => !known.includes(field));
  if (stranger !== undefined)
    throw new RangeError(`${where} has no field ${JSON.stringify(stranger.slice(0, 64))}; it takes ${known.join(', ')}`);
}

function objectOf(json: unknown, where: string): Readonly<Record<string, unknown>> {
  if (isRecord(json)) return json;
  throw new RangeError(`${where} must be an object`);
}
