/**
 * Schemas of what the owner's API takes and answers: what incidents.ts says to the compiler, said to other languages.
 *
 * Not here: that each is exactly its type (answer-schemas.ts), the words for people (incidents.ts).
 */
import * as v from 'valibot';
import { ARMS } from '../report/window.ts';
import { INCIDENT_STATES, RULE_COMPARISONS, RULE_STATISTICS, STAGES, TARGET_TYPES } from './incidents.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Milliseconds = v.pipe(v.number(), v.description('Milliseconds since 1970'));
const MaybeMs = v.nullable(Milliseconds);
const MaybeNumber = v.nullable(v.number());
const Verdict = v.picklist(['quiet', 'alarm', 'not-enough-data']);

const Onset = v.object({ atMs: Milliseconds, fromMs: Milliseconds, toMs: Milliseconds });

const MovedMetric = v.object({
  ...{ key: v.string(), rule: v.nullable(v.string()), plan: v.string(), arm: v.nullable(v.picklist(ARMS)), segment: v.nullable(Count) },
  ...{ metric: v.string(), stage: v.picklist(STAGES), isMoved: v.boolean(), onset: Onset },
  kind: v.nullable(v.picklist(['sudden', 'gradual', 'undecided'])),
  mix: v.nullable(v.picklist(['alone', 'also', 'steady'])),
  ...{
    effect: MaybeNumber,
    evidence: MaybeNumber,
    value: MaybeNumber,
    limit: MaybeNumber,
    strength: v.number(),
    toldStrength: MaybeNumber,
  },
  ...{ seenAtMs: Milliseconds, quietSinceMs: MaybeMs, recoverMs: v.number() },
});

const Incident = v.object({
  ...{ id: v.string(), modelVersion: v.string(), state: v.picklist(INCIDENT_STATES), openedAtMs: Milliseconds, onset: Onset },
  ...{ metrics: v.array(MovedMetric), leftOutCount: Count, closedAtMs: MaybeMs },
  closedBecause: v.nullable(v.picklist(['recovered', 'rebased', 'silent', 'unregistered'])),
  acknowledged: v.nullable(v.object({ atMs: Milliseconds, by: v.string() })),
  ...{ mutedUntilMs: MaybeMs, sequence: Count, toldAtMs: Milliseconds },
});

const CHANGES = [
  ...(['opened', 'joined', 'worsened', 'recovering', 'relapsed', 'reopened', 'closed', 'acknowledged', 'noted', 'muted'] as const),
  ...(['unmuted', 'rebased', 'rule-put', 'rule-removed', 'model-removed', 'delivery-given-up', 'retrain-asked'] as const),
  ...(['retrain-left-out', 'baseline-accepted', 'baseline-rebased', 'baseline-inherited'] as const),
] as const;

const AuditEntry = v.object({
  ...{ atMs: Milliseconds, what: v.picklist(CHANGES), by: v.string(), subject: v.string(), text: v.nullable(v.string()) },
});

const TermsFields = {
  ...{ model: v.string(), metric: v.string(), statistic: v.picklist(RULE_STATISTICS), cells: v.exactOptional(v.array(v.string())) },
  ...{ comparison: v.picklist(RULE_COMPARISONS), value: v.number(), clearValue: v.exactOptional(v.number()), minutes: v.number() },
  reportCountMin: v.exactOptional(v.number()),
};

const RuleState = v.object({ modelVersion: v.string(), plan: v.string(), verdict: Verdict, value: MaybeNumber, reports: Count });

const RuleEntry = v.object({
  ...{ rule: v.object({ id: v.string(), ...TermsFields }), origin: v.picklist(['file', 'api']) },
  ...{ states: v.array(RuleState), problem: v.nullable(v.string()) },
});

const TargetEntry = v.object({
  ...{ name: v.string(), type: v.picklist(TARGET_TYPES), waitingCount: Count, deliveredCount: Count, givenUpCount: Count },
  ...{ deliveredAtMs: MaybeMs, failure: v.nullable(v.object({ atMs: Milliseconds, sentence: v.string() })) },
});

const Act = <const T extends string, E extends v.ObjectEntries>(act: T, entries: E) => v.object({ act: v.literal(act), ...entries });

export const INCIDENT_SCHEMAS = {
  IncidentList: v.object({ nowMs: Milliseconds, incidents: v.array(Incident) }),
  IncidentDetail: v.object({ nowMs: Milliseconds, incident: Incident, audit: v.array(AuditEntry) }),
  IncidentAct: v.union([
    Act('acknowledge', {}),
    Act('note', { text: v.string() }),
    Act('mute', { untilMs: MaybeMs }),
    Act('rebase', { text: v.exactOptional(v.string()) }),
  ]),
  RuleList: v.array(RuleEntry),
  RuleTerms: v.object(TermsFields),
  RuleEntry,
  TargetList: v.array(TargetEntry),
  AuditList: v.array(AuditEntry),
};
