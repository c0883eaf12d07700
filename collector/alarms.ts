/**
 * Alarms: monitoring, rules, incidents and their delivery put together, and the clock by which they go.
 *
 * Invariants
 *  - What cannot be used of the configuration file ends the start; nothing of it fails later without a word.
 *  - Rules are judged when a minute is over by the collector's clock. One evaluation at a time; what fails is tried a minute later.
 *
 * Not here: HTTP (collector/http/owner-routes.ts).
 */
import { MINUTE_LOOK_MS, RULE_COUNT_MAX } from '../protocol/alarm-limits.ts';
import type { Rule } from '../protocol/read/incidents.ts';
import { evidenceOf } from './incidents/evidence.ts';
import { Incidents } from './incidents/incidents.ts';
import { RuleBook } from './incidents/rule-book.ts';
import { readRule } from './incidents/rules.ts';
import type { Registry } from './models/registry.ts';
import { type OwnersOptions, readMonitorOptions } from './monitoring/monitor-options.ts';
import { Monitoring } from './monitoring/monitoring.ts';
import { Notifier } from './notify/notifier.ts';
import { readTargets, type Target, TargetError } from './notify/targets.ts';
import { readConfigFile, secretsOf } from './operator/config-file.ts';
import { StartupError } from './operator/startup-error.ts';
import type { AcceptedWindow, Store } from './store/store.ts';

const MINUTE_MS = 60_000;

interface AlarmsOptions {
  readonly store: Store;
  readonly registry: Registry;
  /** null: no rules and no targets but those of the API. */
  readonly configFile: string | null;
  readonly shownReportsMin: number;
  readonly now: () => number;
  readonly onChanged: (modelVersions: readonly string[]) => void;
  readonly log: (sentence: string) => void;
}

export interface Alarms {
  readonly incidents: Incidents;
  readonly rules: RuleBook;
  readonly monitoring: Monitoring;
  readonly notifier: Notifier;
  /** @param windows Committed for the first time. */
  readonly add: (windows: readonly AcceptedWindow[]) => void;
  readonly close: () => Promise<void>;
}

/** @throws {StartupError} for a configuration that cannot be used. */
export async function openAlarms(options: AlarmsOptions): Promise<Alarms> {
  const { store, registry, shownReportsMin, now, log, onChanged } = options;
  const { fileRules, targets, owners } = configured(options.configFile);
  const known = {
    nameOf: (modelVersion: string) => registry.find(modelVersion)?.registration.name,
    planOf: (modelVersion: string, hash: string) => registry.planOf(modelVersion, hash),
  };
  let notifier: Notifier | null = null;
  let monitoring: Monitoring | null = null;
  const incidents = await Incidents.open({
    ...{ store, known, now, onChanged },
    outgoing: (told) => notifier?.outgoing(told) ?? { records: [], audit: [], adopt: () => undefined },
    ordered: (order) => monitoring?.ordered(order) ?? { records: [], adopt: () => undefined },
  });
  const baselineOf = (modelVersion: string) => registry.find(modelVersion)?.registration.baseline ?? null;
  notifier = await Notifier.open({
    ...{ store, targets, now, log },
    modelOf: (modelVersion) => modelOf(registry, modelVersion),
    evidenceOf: (incident) => evidenceOf(incident, { store, planOf: known.planOf, baselineOf, shownReportsMin, now }),
    incidentOf: (id) => incidents.find(id),
    unclosed: () => incidents.unclosed,
    record: (changes, entry) => incidents.record(changes, entry),
  });
  monitoring = await Monitoring.open({
    ...{ store, registry, options: owners, now, log },
    found: (modelVersion, findings) => incidents.takeFindings(modelVersion, findings),
    record: (changes, entry) => incidents.record(changes, entry),
  });
  const rules = await RuleBook.open({
    ...{ store, incidents, known, fileRules, shownReportsMin, now },
    models: () =>
      registry.models.map((model) => {
        const { modelVersion, name } = model.registration;
        return {
          modelVersion,
          name,
          plans: registry
            .plansOf(model)
            .filter(({ report }) => report !== 'noised')
            .map(({ plan }) => plan),
        };
      }),
  });
  for (const { rule, problem } of rules.entries()) if (problem !== null) log(`Rule "${rule.id}" cannot alarm: ${problem}`);
  notifier.start();
  const stop = startClock(rules, now, log);
  const stopMonitoring = monitoring.start();
  const close = async () => {
    await Promise.all([stop(), stopMonitoring()]);
    await incidents.idle();
    await notifier?.close();
  };
  return { incidents, rules, monitoring, notifier, add: (windows) => rules.add(windows), close };
}

/** @returns The way to stop; resolves when nothing is under way. */
function startClock(rules: RuleBook, now: () => number, log: (sentence: string) => void): () => Promise<void> {
  let minute = Math.floor(now() / MINUTE_MS);
  let running: Promise<void> | null = null;
  const timer = setInterval(() => {
    const current = Math.floor(now() / MINUTE_MS);
    if (current === minute || running !== null) return;
    minute = current;
    running = rules
      .evaluate()
      .catch((error: unknown) => log(`The rules could not be judged; it is tried again in a minute: ${String(error)}`))
      .finally(() => {
        running = null;
      });
  }, MINUTE_LOOK_MS);
  timer.unref();
  return async () => {
    clearInterval(timer);
    await running;
  };
}

interface Configured {
  readonly fileRules: readonly Rule[];
  readonly targets: readonly Target[];
  readonly owners: OwnersOptions;
}

function configured(file: string | null): Configured {
  if (file === null) return { fileRules: [], targets: [], owners: readMonitorOptions(undefined) };
  const config = readConfigFile(file);
  const fileRules = Object.entries(config.rules).map(([id, json]) => {
    const read = readRule(id, json);
    if (!read.ok) throw new StartupError(`${file}: ${read.sentence}`);
    return read.rule;
  });
  if (fileRules.length > RULE_COUNT_MAX)
    throw new StartupError(`${file} has ${fileRules.length} rules; at most ${RULE_COUNT_MAX} are kept.`);
  try {
    const targets = readTargets(config.targets, secretsOf(file, process.env));
    return { fileRules, targets, owners: readMonitorOptions(config.monitor) };
  } catch (error) {
    throw error instanceof TargetError || error instanceof RangeError ? new StartupError(`${file}: ${error.message}`) : error;
  }
}

/** What a model is called; one that is not registered any more by its version alone. */
function modelOf(registry: Registry, modelVersion: string) {
  const { name = modelVersion, version = '' } = registry.find(modelVersion)?.registration ?? {};
  return { name, version, modelVersion };
}
