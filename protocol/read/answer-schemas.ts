/**
 * Schemas of what the read API takes and answers, for its OpenAPI document: what read-api.ts says to the compiler, said to other languages.
 *
 * Invariants
 *  - Each is exactly its type: the compiler compares them here, and the other way in test/unit/collector/openapi.test.ts.
 *  - Fields may be added to an answer: no schema refuses what it does not name.
 *
 * Not here: the words for people (read-api.ts), who asks for them (collector/exports/openapi.ts).
 */
import * as v from 'valibot';
import { ManifestSchema } from '../manifest/manifest.ts';
import { ARMS, REPORT_KINDS } from '../report/window.ts';
import type { BodyName, BodyTypes } from './endpoints.ts';
import { INCIDENT_SCHEMAS } from './incident-schemas.ts';
import { MONITORING_SCHEMAS } from './monitoring-schemas.ts';

const Count = v.pipe(v.number(), v.integer(), v.minValue(0));
const Hour = v.pipe(Count, v.description('Hours since 1970-01-01T00:00Z'));
const Milliseconds = v.pipe(v.number(), v.description('Milliseconds since 1970'));
const Hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{16}$/));
const ReportKind = v.picklist(REPORT_KINDS);

const ModelEntryFields = {
  ...{ modelVersion: Hash, plan: Hash, name: v.string(), version: v.string(), registeredAtMs: Milliseconds },
  baselineRuns: v.pipe(Count, v.description('Inputs that the baseline was counted from; 0 when there is none')),
};

const PlanEntryFields = {
  ...{ hash: Hash, report: ReportKind, release: v.string() },
  isPresent: v.pipe(v.boolean(), v.description("Pages of the collector's own release count by it")),
};

const Baseline = v.object({ modelVersion: Hash, plan: Hash, n: Count, cells: v.array(Count), counts: v.array(Count) });

const Metric = v.object({
  ...{ id: v.string(), title: v.string(), unit: v.string(), why: v.string(), per: v.picklist(['run', 'item', 'part', 'event']) },
  of: v.nullable(v.object({ side: v.picklist(['input', 'output']), tensor: v.string(), itemCountMax: v.exactOptional(Count) })),
  role: v.nullable(v.picklist(['state', 'class', 'headline'])),
  cells: v.array(v.string()),
  edges: v.nullable(v.object({ firstCell: Count, values: v.array(v.number()) })),
  offset: Count,
});

const Plan = v.object({ report: ReportKind, metrics: v.array(Metric), cellCount: Count, segments: v.array(v.string()) });

const CellSum = v.object({ hour: Hour, cell: v.pipe(Count, v.description('Index in the plan')), count: Count });

const SlotTotal = v.object({ hour: Hour, arm: v.picklist(ARMS), plan: Hash, report: ReportKind, reports: Count, runs: Count });

const NoisedCell = v.object({ cell: v.string(), count: v.number(), deviation: v.number() });

const DeviceCounts = v.array(v.object({ hour: Hour, devices: Count }));

export const BODY_SCHEMAS = {
  Health: v.object({ ok: v.literal(true), release: v.string(), models: Count, uptimeS: Count }),
  ModelList: v.array(v.object(ModelEntryFields)),
  ModelDetail: v.object({
    ...{ modelVersion: Hash, plan: Hash, manifest: ManifestSchema, baseline: v.nullable(Baseline) },
    plans: v.array(v.object(PlanEntryFields)),
  }),
  PlanDocument: v.object({ ...PlanEntryFields, plan: Plan }),
  RegistrationRequest: v.object({
    manifest: v.pipe(v.string(), v.description('model.json as served, byte for byte')),
    baseline: v.exactOptional(v.nullable(Baseline)),
    plans: v.exactOptional(v.array(v.object({ hash: Hash, release: v.string(), plan: Plan }))),
  }),
  RegistrationAnswer: v.object({ ...ModelEntryFields, baselineLeftOut: v.nullable(v.string()) }),
  RemovalAnswer: v.object({
    ...{ modelVersion: Hash, name: v.string(), version: v.string() },
    isInFolder: v.pipe(v.boolean(), v.description('Registered again at the next start, unless it is taken out of the models folder')),
    ...{ closedIncidents: v.array(v.string()), idleRules: v.array(v.string()) },
  }),
  Series: v.object({
    ...{ nowMs: Milliseconds, fromHour: Hour, slotHours: Count, totals: v.array(SlotTotal) },
    plans: v.object({ data: v.nullable(Hash), software: v.nullable(Hash) }),
    ...{ data: v.array(CellSum), software: v.array(CellSum), shownReportsMin: Count, withheldReports: Count },
  }),
  NoisedEstimates: v.object({
    ...{ plan: v.nullable(Hash), microEps: v.nullable(Count) },
    metrics: v.array(v.object({ metric: v.string(), reportCount: Count, cells: v.array(NoisedCell) })),
    otherPlans: v.array(v.object({ plan: Hash, reports: Count })),
  }),
  Devices: v.object({ days: DeviceCounts, weeks: DeviceCounts, shownReportsMin: Count }),
  Overview: v.object({
    ...{ nowMs: Milliseconds, fromHour: Hour, slotHours: Count, slotCount: Count, shownReportsMin: Count },
    models: v.array(
      v.object({
        ...{ modelVersion: Hash, reports: v.array(Count), runs: v.array(Count), outputs: v.array(Count) },
        usableOutputs: v.array(Count),
      }),
    ),
  }),
  ...INCIDENT_SCHEMAS,
  ...MONITORING_SCHEMAS,
} as const satisfies { readonly [N in BodyName]: v.GenericSchema<unknown, Mutable<BodyTypes[N]>> };

/** Valibot's types can be written to. */
export type Mutable<T> = T extends object ? { -readonly [K in keyof T]: Mutable<T[K]> } : T;
