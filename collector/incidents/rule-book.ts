/**
 * The rule book: which rules there are, from the configuration file and from the API, and what each says.
 *
 * Invariants
 *  - A rule of the file is changed in the file. It takes the place of one of the API with the same id.
 *  - At most RULE_COUNT_MAX rules. Every change by a person is in the audit.
 *  - Of a rule that is gone, and of a model that is, nothing is moved any more.
 *
 * Not here: reading one (rules.ts), judging them (minute-sums.ts).
 */
import { RULE_COUNT_MAX } from '../../protocol/alarm-limits.ts';
import type { AuditEntry, Rule, RuleEntry, RuleStateEntry } from '../../protocol/read/incidents.ts';
import type { Plan } from '../../protocol/report/plan.ts';
import type { AcceptedWindow, RecordChange, Store } from '../store/store.ts';
import type { Incidents } from './incidents.ts';
import { type KnownModels, MinuteSums } from './minute-sums.ts';
import { type OwnerError, ownerError } from './owner-error.ts';
import { isAbout, problemOf, readRule } from './rules.ts';
import type { Signal } from './signal.ts';

const KIND = 'rule';

interface RuleBookOptions {
  readonly store: Pick<Store, 'records'>;
  readonly incidents: Incidents;
  readonly known: KnownModels;
  /** Registered models with the plans that pages count them by, data and software. */
  readonly models: () => readonly { readonly modelVersion: string; readonly name: string; readonly plans: readonly Plan[] }[];
  /** Of the configuration file. */
  readonly fileRules: readonly Rule[];
  readonly shownReportsMin: number;
  readonly now: () => number;
}

type Judged = RuleStateEntry & { readonly rule: string; readonly isWithoutRoom: boolean };

export class RuleBook {
  private readonly options: RuleBookOptions;
  private readonly sums: MinuteSums;
  private readonly fileIds: ReadonlySet<string>;
  private readonly byId = new Map<string, Rule>();
  /** Of the last evaluation. */
  private judged: readonly Judged[] = [];

  private constructor(options: RuleBookOptions, ownRules: readonly Rule[]) {
    this.options = options;
    const heldOnset = (modelVersion: string, key: string) => {
      const held = options.incidents.unclosed.filter((incident) => incident.modelVersion === modelVersion);
      return held.flatMap(({ metrics }) => metrics).find((metric) => metric.key === key && metric.isMoved)?.onset ?? null;
    };
    this.sums = new MinuteSums({ known: options.known, shownReportsMin: options.shownReportsMin, heldOnset });
    this.fileIds = new Set(options.fileRules.map(({ id }) => id));
    for (const rule of [...ownRules, ...options.fileRules]) this.byId.set(rule.id, rule);
    this.sums.setRules(this.rules, options.now());
  }

  static async open(options: RuleBookOptions): Promise<RuleBook> {
    return new RuleBook(
      options,
      (await options.store.records(KIND)).map(({ value }) => value as Rule),
    );
  }

  get rules(): readonly Rule[] {
    return [...this.byId.values()];
  }

  entries(): RuleEntry[] {
    return this.rules.map((rule) => this.entryOf(rule)).sort((one, other) => (one.rule.id < other.rule.id ? -1 : 1));
  }

  /** Ids of the rules that were about that version and are about no registered model any more. */
  idleWithout({ modelVersion, name }: { readonly modelVersion: string; readonly name: string }): string[] {
    const idle = this.rules.filter((rule) => isAbout(rule, modelVersion, name) && this.aboutOf(rule).length === 0);
    return idle.map(({ id }) => id).sort();
  }

  /** @param windows Committed for the first time. */
  add(windows: readonly AcceptedWindow[]): void {
    this.sums.add(windows, this.options.now());
  }

  /** Judges the minutes that are over. Rejects only when the store fails. */
  evaluate(): Promise<void> {
    const judged = this.sums.judge(this.options.now());
    this.judged = judged.map(({ signal, ...state }) => ({ ...state, rule: signal.rule ?? '' }));
    return this.options.incidents.take([...judged.map(({ signal }) => signal), ...this.withdrawn()]);
  }

  /** @param json As it arrives. @param by Name of the key. */
  async put(
    id: string,
    json: unknown,
    by: string,
  ): Promise<{ readonly ok: true; readonly isNew: boolean; readonly entry: RuleEntry } | OwnerError> {
    const read = readRule(id, json);
    if (!read.ok) return read;
    const { rule } = read;
    if (this.fileIds.has(id)) return ofFile(id);
    const isNew = !this.byId.has(id);
    if (isNew && this.byId.size >= RULE_COUNT_MAX) {
      return ownerError('rules-full', `There are ${RULE_COUNT_MAX} rules already. Remove one first: DELETE /v1/rules/{id}.`);
    }
    const problem = this.problemOf(rule);
    if (problem !== null) return problem;
    await this.keep({ kind: KIND, key: id, value: rule }, 'rule-put', by, JSON.stringify(rule));
    this.byId.set(id, rule);
    this.sums.setRules(this.rules, this.options.now());
    return { ok: true, isNew, entry: this.entryOf(rule) };
  }

  async remove(id: string, by: string): Promise<{ readonly ok: true } | OwnerError> {
    if (this.fileIds.has(id)) return ofFile(id);
    if (!this.byId.has(id)) return ownerError('rule-unknown', 'There is no such rule; GET /v1/rules lists them.');
    await this.keep({ kind: KIND, key: id, value: null }, 'rule-removed', by, null);
    this.byId.delete(id);
    this.sums.setRules(this.rules, this.options.now());
    return { ok: true };
  }

  private keep(change: RecordChange, what: AuditEntry['what'], by: string, text: string | null): Promise<void> {
    return this.options.incidents.record([change], { atMs: this.options.now(), what, by, subject: change.key, text });
  }

  private aboutOf(rule: Rule) {
    return this.options.models().filter(({ modelVersion, name }) => isAbout(rule, modelVersion, name));
  }

  /** null as soon as it can say something of one of its models: an earlier version may lack what a later one has. */
  private problemOf(rule: Rule): OwnerError | null {
    const problems = this.aboutOf(rule).map(({ plans }) => problemOf(rule, plans));
    return problems.includes(null) ? null : (problems[0] ?? null);
  }

  private entryOf(rule: Rule): RuleEntry {
    const judged = this.judged.filter((state) => state.rule === rule.id);
    const about = this.aboutOf(rule);
    const problem =
      about.length === 0
        ? `No model "${rule.model}" is registered.`
        : judged.some(({ isWithoutRoom }) => isWithoutRoom)
          ? 'The rules together keep more sums than there is room for: use fewer minutes, or fewer quantiles of long metrics.'
          : (this.problemOf(rule)?.sentence ?? null);
    const states = judged.map(({ rule: _, isWithoutRoom: __, ...state }) => state);
    return { rule, origin: this.fileIds.has(rule.id) ? 'file' : 'api', states, problem };
  }

  /** What is held in incidents of rules that are gone, and of models that are. */
  private withdrawn(): Signal[] {
    const { incidents, known } = this.options;
    return incidents.unclosed.flatMap(({ modelVersion, metrics }) =>
      metrics.flatMap((metric): Signal[] => {
        if (metric.rule === null || (this.byId.has(metric.rule) && known.nameOf(modelVersion) !== undefined)) return [];
        return [{ ...metric, modelVersion, verdict: 'quiet', onset: null, recoverMs: 0 }];
      }),
    );
  }
}

function ofFile(id: string): OwnerError {
  return ownerError('rule-of-file', `The rule "${id}" is in the configuration file. Change it there and start the collector again.`);
}
