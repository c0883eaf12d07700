/**
 * Caps, timeouts and intervals of incidents, threshold rules and notifications: unit in the name, reason beside it.
 *
 * Why beside limits.ts: it is the second half of the same page, which is longer than a file may be.
 *
 * Invariants
 *  - Compiled in, as those are.
 */

// ── Incidents ──────────────────────────────────────────────────────────────────────────────────

/** Threshold rules; each is looked at once a minute, and a person keeps no more in mind. */
export const RULE_COUNT_MAX = 64;
/** Minutes that a rule looks back: what is slower than an hour shows in hourly sums. */
export const RULE_MINUTE_COUNT_MAX = 60;
/** Numbers that all rules keep of their minutes together: 32 MiB. A rule on latency over ten minutes keeps 1,790. */
export const RULE_SUM_COUNT_MAX = 4 * 2 ** 20;
/** One rule as JSON. */
export const RULE_BYTES_MAX = 16 * 1024;
/** Cells that the share of a rule may name: as many as a list of labels can have. */
export const RULE_CELL_COUNT_MAX = 64;
/** Reports whose hour is older than this are in no rule's minutes: what waited on a device says nothing of the last ten minutes. */
export const RULE_HOUR_AGE_MAX = 1;
/** How often it is looked whether a minute is over: an alarm is a second late at the most. */
export const MINUTE_LOOK_MS = 1_000;
/** What a threshold alarms about must have been right again for as long as the rule looks back, and for this long at the least. */
export const RULE_RECOVER_MS_MIN = 10 * 60_000;
/** A distribution must have been quiet again for a day before its incident closes: most have a daily rhythm. */
export const DRIFT_RECOVER_MS = 24 * 3_600_000;
/** What begins to move within a day of an incident's beginning is part of it: a small change is found a day after a large one. */
export const INCIDENT_JOIN_MS = 24 * 3_600_000;
/** What alarms again so soon after its incident closed opens it again, and no other. */
export const INCIDENT_COOL_DOWN_MS = 6 * 3_600_000;
/** Between two news that an incident has worsened. Whoever is at work on it knows. */
export const INCIDENT_WORSEN_INTERVAL_MS = 3_600_000;
/** By how much a metric must have moved further to be worse. */
export const INCIDENT_WORSEN_RATIO_MIN = 2;
/** An incident of whose metrics nothing was heard for a week closes: its pages are gone. */
export const INCIDENT_SILENT_MS_MAX = 7 * 24 * 3_600_000;
/** Incidents of one model that are not closed; what comes on top joins the last one. */
export const INCIDENT_OPEN_COUNT_MAX = 4;
/** Metrics of one incident. Plans with more have them of one cause; how many were left out is told. */
export const INCIDENT_METRIC_COUNT_MAX = 100;
/** Metrics of an incident in a list or a notification, the first of them: 12 kB. Its own address has all. */
export const INCIDENT_LISTED_METRIC_COUNT_MAX = 20;
/** Incidents that are kept, those that are not closed always: three a day over a year. */
export const INCIDENT_KEPT_COUNT_MAX = 1_000;
/** Letters of a person's note. */
export const NOTE_LENGTH_MAX = 2_000;
/** An incident can be muted this far ahead: what is longer is the new normal. */
export const INCIDENT_MUTE_MS_MAX = 90 * 24 * 3_600_000;
/** Entries of the audit; the oldest go. 27 a day over a year. */
export const AUDIT_COUNT_MAX = 10_000;
/** Entries of the audit, and incidents, in one answer. */
export const INCIDENT_LIST_COUNT_MAX = 200;

// ── Notifications ──────────────────────────────────────────────────────────────────────────────

/** Notification targets; each has one request under way at the most. */
export const TARGET_COUNT_MAX = 16;
/** The configuration file. */
export const CONFIG_BYTES_MAX = 1024 * 1024;
/** A secret in a file: keys are shorter, and whatever is longer is another file. */
export const SECRET_BYTES_MAX = 4_096;
/** Letters of a webhook's secret at the least: 16 random bytes in hex are 32. */
export const SECRET_LENGTH_MIN = 16;
/** Deliveries that wait, of all targets; on top the oldest is given up and told. 1,000 are three weeks of an incident every half hour. */
export const DELIVERY_QUEUE_COUNT_MAX = 1_000;
/** A delivery that failed for three days is given up: a weekend may pass. */
export const DELIVERY_AGE_MS_MAX = 3 * 24 * 3_600_000;
/** One attempt, answer included. */
export const DELIVERY_TIMEOUT_MS = 10_000;
/** First wait after a failed attempt; grows twofold. */
export const DELIVERY_BACKOFF_MS_MIN = 5_000;
/** Longest wait between two attempts: a receiver that is back is told within a quarter of an hour. */
export const DELIVERY_BACKOFF_MS_MAX = 15 * 60_000;
/** What is read of a receiver's answer: enough for the sentence that says what was wrong. */
export const DELIVERY_ANSWER_BYTES_MAX = 4_096;
/** Alertmanager forgets what is not repeated; Prometheus repeats every minute too. */
export const ALERTMANAGER_REPEAT_MS = 60_000;
/** Alertmanager resolves an alert that was not repeated for so long: a collector may be away for as long without an "all clear". */
export const ALERTMANAGER_HOLD_MS = 3_600_000;
/** A signed request older than this, or as far ahead, is refused by its receiver: it is somebody's repetition. */
export const WEBHOOK_REPLAY_MS_MAX = 5 * 60_000;
/** Retraining starts once per incident, and of one model not sooner again than this: a day's data would be the same. */
export const RETRAIN_COOL_DOWN_HOURS = 24;
/** Metrics of an evidence bundle, those that moved most. */
export const EVIDENCE_METRIC_COUNT_MAX = 16;
/** Cells of a metric in an evidence bundle, those that moved most. */
export const EVIDENCE_CELL_COUNT_MAX = 64;
/** A body that `insitu retrain-watch` takes: a full bundle has 300 kB. */
export const BUNDLE_BYTES_MAX = 1024 * 1024;
/** Bundles that wait for their command. */
export const BUNDLE_QUEUE_COUNT_MAX = 64;
