/**
 * The read API: what a collector answers to whoever shows, watches or exports its counts, as JSON over GET.
 *
 *     /v1/health                                    Health
 *     /v1/models                                    ModelEntry[]
 *     /v1/models/{version}                          ModelDetail; 404 when the version is not registered
 *     /v1/models/{version}/plans/{hash}             PlanDocument; 404 when that plan is not known for the model
 *     /v1/series?model={version}&hours={n}          Series; n is 1 … SERIES_HOUR_COUNT_MAX, default 24
 *         &data={hash}&software={hash}              plans whose cells are listed; default the present ones
 *         &until={hour}                             the last of those hours; default the present one, and what lies ahead of it
 *         &arm={arm}&segment={index}                default all, added up
 *     /v1/noised?model={version}&hours={n}&plan={hash}   NoisedEstimates; without `plan` those of the present plan
 *     /v1/devices?model={version}&hours={n}         Devices
 *     /v1/overview                                  Overview: of every model at once, the last week
 *     /v1/live                                      server-sent events: LiveNews by its name, with its data
 *
 *     /v1/openapi.json                              the same for programs, made of endpoints.ts
 *
 * And two that write, with the admin key: POST /v1/models takes a RegistrationRequest and answers 201 with a RegistrationAnswer,
 * DELETE /v1/models/{version} answers with a RemovalAnswer.
 *
 * Every other status has a text body: one sentence that says what was wrong. 503 with `Retry-After`: others are being answered.
 *
 * Invariants
 *  - An answer is bounded: by slots and cells, never by how much was sent.
 *  - A cell's index means what its plan says and nothing without it. Sums of different plans are never added up.
 *  - Counts are whole numbers and exact up to 2^53. Only NoisedEstimates holds estimates.
 *  - Hours are counted from 1970-01-01T00:00Z: hour × 3,600,000 is its start in milliseconds. They are those of the reporting page's
 *    clock, which may be ahead of the collector's by CLOCK_AHEAD_MS_MAX.
 *
 * Not here: what only the owner may read (protocol/read/incidents.ts), what pages send (protocol/report/), who may register a model (collector/http/model-routes.ts).
 */
import type { Manifest } from '../manifest/manifest.ts';
import type { Plan } from '../report/plan.ts';
import type { Arm, ReportKind } from '../report/window.ts';

export interface Health {
  readonly ok: true;
  /** insitu's version on the collector, for example "0.2.0". */
  readonly release: string;
  /** Registered model versions. */
  readonly models: number;
  /** Whole seconds since the collector started. */
  readonly uptimeS: number;
}

/** One registered model version, for a list. */
export interface ModelEntry {
  /** First 8 bytes of the SHA-256 of the manifest as served, 16 hex digits. Names the model in every other address. */
  readonly modelVersion: string;
  /** Hash of the data plan that pages of the collector's own release count by, 16 hex digits. */
  readonly plan: string;
  /** From the manifest, for people: two model versions may share both. */
  readonly name: string;
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly registeredAtMs: number;
  /** Inputs that the baseline was counted from; 0 when there is none. */
  readonly baselineRuns: number;
}

/** One registered model version, with what its sums are read by. */
export interface ModelDetail {
  readonly modelVersion: string;
  /** Hash of the present data plan. */
  readonly plan: string;
  readonly manifest: Manifest;
  /** Of the present data plan; null when none was registered, or when it was counted by an earlier plan. */
  readonly baseline: Baseline | null;
  /** Every plan by which sums of this model can be read: present ones first, then those of earlier releases, the latest first. */
  readonly plans: readonly PlanEntry[];
}

/** A plan that the collector can name the cells of. */
export interface PlanEntry {
  /** First 8 bytes of the SHA-256 over the layout, 16 hex digits. */
  readonly hash: string;
  readonly report: ReportKind;
  /** The first release of insitu that is known to count by it. */
  readonly release: string;
  /** Pages of the collector's own release count by it. */
  readonly isPresent: boolean;
}

/** A plan with all its cells. What one collector answers may be registered at another one, so that it counts by it too. */
export interface PlanDocument extends PlanEntry {
  readonly plan: Plan;
}

/** `n` inputs of the validation set, counted by the kernels that pages count with. */
export interface Baseline {
  readonly modelVersion: string;
  /** Hash of the data plan that `cells` are of. */
  readonly plan: string;
  readonly n: number;
  /** Indices of cells in the plan, rising; what is missing was counted 0 times. */
  readonly cells: readonly number[];
  /** One for each of `cells`. */
  readonly counts: readonly number[];
}

/** What pages of one model version reported of the hours that were asked for. */
export interface Series {
  /** The collector's clock, milliseconds since 1970; its hour is the last of those that were asked for. */
  readonly nowMs: number;
  /** First hour of the first slot. */
  readonly fromHour: number;
  /** Hours of one slot: 1, and more where an answer by hours would have more than SERIES_CELL_COUNT_MAX cells. */
  readonly slotHours: number;
  /** Of every kind of report and every plan, of all arms. */
  readonly totals: readonly SlotTotal[];
  /** Hashes of the plans that `data` and `software` are counted by; null where there is none to count by. */
  readonly plans: { readonly data: string | null; readonly software: string | null };
  /** What was counted of inputs and outputs, by the data plan that was asked for, in the arm and segment that were asked for. */
  readonly data: readonly CellSum[];
  /** How loading and running went, by the software plan that was asked for, in the arm that was asked for. */
  readonly software: readonly CellSum[];
  /** Fewer reports of one hour, plan, arm and segment are not shown, in no sum here. */
  readonly shownReportsMin: number;
  /** Reports of these hours that are not shown for that reason. */
  readonly withheldReports: number;
}

/** How often one cell was counted in one slot. Cells that were not are not listed. */
export interface CellSum {
  /** First hour of the slot, since 1970. */
  readonly hour: number;
  /** Index in the plan. */
  readonly cell: number;
  readonly count: number;
}

/** Windows and runs of one slot. */
export interface SlotTotal {
  /** First hour of the slot, since 1970. */
  readonly hour: number;
  /** The side of a rollout that the counted pages were on; `stable` where there is none. */
  readonly arm: Arm;
  /** Hash of the plan that was counted by. */
  readonly plan: string;
  readonly report: ReportKind;
  /** Windows that were counted. */
  readonly reports: number;
  /** Calls of `run` in them; whatever the batch, a call is one. */
  readonly runs: number;
}

/** What noised reports of a model say once the noise is taken off, over whole days from the one in which the asked hours begin. */
export interface NoisedEstimates {
  /** Hash of the noised plan; null when the model has no metric that can be asked. */
  readonly plan: string | null;
  /** ε of one report, in millionths; null when there is no plan. */
  readonly microEps: number | null;
  readonly metrics: readonly NoisedMetric[];
  /** Reports of these days that other plans have, and that are in no estimate here: ask for them by `plan`. */
  readonly otherPlans: readonly OtherPlan[];
}

/** Reports that are left out because they were counted by another plan. */
export interface OtherPlan {
  readonly plan: string;
  readonly reports: number;
}

export interface NoisedMetric {
  /** Metric of the data plan. */
  readonly metric: string;
  /** Noised reports that were about it. */
  readonly reportCount: number;
  /** One for each cell of the metric in the noised plan, "null" first. */
  readonly cells: readonly NoisedCell[];
}

export interface NoisedCell {
  /** Id of the cell in the plan. */
  readonly cell: string;
  /** Reports whose true cell this was: an estimate without bias, so it may be negative. */
  readonly count: number;
  /** Standard deviation of `count` through the noise alone, in reports. */
  readonly deviation: number;
}

/**
 * Browsers that reported of a model version, over whole days from the one in which the asked hours begin, and whole ISO weeks from its week: by
 * the day and week in which their first report of it came. One person with two browsers is two, one whose storage was cleared is another one,
 * and one whose storage is refused is another one at each visit. Pages of releases before 0.2.0, and the level `local-dp`, are in no number here.
 */
export interface Devices {
  readonly days: readonly DeviceCount[];
  readonly weeks: readonly DeviceCount[];
  /** Days and weeks of fewer devices are left out. */
  readonly shownReportsMin: number;
}

export interface DeviceCount {
  /** First hour of the UTC day, or of the ISO week, since 1970. */
  readonly hour: number;
  readonly devices: number;
}

/** How every model did of late, by slots of half a day: what a list of models needs, in one answer. */
export interface Overview {
  readonly nowMs: number;
  /** First hour of the first slot. */
  readonly fromHour: number;
  readonly slotHours: number;
  readonly slotCount: number;
  /** As in Series. */
  readonly shownReportsMin: number;
  /** Registered models of which something came in these hours. */
  readonly models: readonly OverviewEntry[];
}

/** A number for each slot, over all plans, arms and segments. */
export interface OverviewEntry {
  readonly modelVersion: string;
  /** Windows of data and software. */
  readonly reports: readonly number[];
  /** Calls of `run` in windows of data. */
  readonly runs: readonly number[];
  /** Items of outputs whose state was counted, and those of them that are usable: not null, NaN or constant. */
  readonly outputs: readonly number[];
  readonly usableOutputs: readonly number[];
}

/** Something of a model was committed: a hint to ask again. At most one per model in LIVE_INTERVAL_MS, and nothing of what was counted. */
export interface CommitEvent {
  /** UNKNOWN_MODEL_VERSION for reports about a manifest that could not be read. */
  readonly modelVersion: string;
}

/** `incident`: one has changed, of whatever model; only the owner may ask which (protocol/read/incidents.ts). */
export type LiveNews =
  | { readonly event: 'commit'; readonly data: CommitEvent }
  | { readonly event: 'incident'; readonly data: Readonly<Record<string, never>> };

export interface RegistrationRequest {
  /** model.json as served, byte for byte: its hash is the model version. */
  readonly manifest: string;
  /** null, or none: keep what is registered. */
  readonly baseline?: Baseline | null;
  /** Data plans of other releases whose pages report here; at most PLAN_KEPT_COUNT_MAX. Their noised plans follow from them. */
  readonly plans?: readonly Pick<PlanDocument, 'hash' | 'release' | 'plan'>[];
}

export interface RegistrationAnswer extends ModelEntry {
  /** Why the baseline was left out, and what to do; null when it was not. The model is registered either way. */
  readonly baselineLeftOut: string | null;
}

/**
 * What was removed, and what is left of it. Sums, votes and plans of the version stay in the store: `GET /v1/series` goes on answering its
 * totals and software counts, and all of it is read again once the version is registered again. Its incidents stay readable.
 */
export interface RemovalAnswer {
  readonly modelVersion: string;
  readonly name: string;
  readonly version: string;
  /** Its manifest lay in the models folder when the collector started, and is registered again at the next start unless it is gone by then. */
  readonly isInFolder: boolean;
  /** Ids of incidents that were not closed and are now, because of this. */
  readonly closedIncidents: readonly string[];
  /** Ids of rules that are about no registered model any more. They stay. */
  readonly idleRules: readonly string[];
}
