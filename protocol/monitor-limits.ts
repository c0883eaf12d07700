/**
 * Limits and rules of the monitor: what a baseline needs, how far back evidence is looked at, how much one model may ask for, and when it is
 * its turn.
 *
 * Why beside protocol/limits.ts: these are numbers of one method, and were fixed together by simulation (test/storms). Who changes one
 * runs `npm run prove alarms` again.
 *
 * Not here: constants without which a formula is not itself (counts/monitor).
 */

/** False incidents that a model-year may have unless its owner says another number: rare enough that each one is looked at. */
export const BUDGET_DEFAULT = 1;
/** Days of a first baseline: four weekends, without which nobody knows how days and weeks differ. */
export const BURN_IN_DAY_COUNT_DEFAULT = 28;
/** A burn-in that has not seen enough in half a year goes on with the last half year. */
export const BURN_IN_DAY_COUNT_MAX = 182;
/** Days of a baseline whose stream has had one before: a whole week, for what days differ by is known. */
export const REBASE_DAY_COUNT_MIN = 7;
/** Observations of a baseline for each group but one: its own chance is then a PSI of 1/30, below what most changes have. */
export const BASELINE_OBSERVATIONS_PER_FREEDOM_MIN = 30;
/** Browsers a day from which on each votes daily. With 30 of them 29 of 50 metrics alarmed falsely when regulars came and went, with 300 none. */
export const DAILY_WINDOW_COUNT_MIN = 300;
/** Distinct windows behind an alarm: what fewer say may be one person's doing. */
export const ALARM_WINDOW_COUNT_MIN = 20;
/** Days that an e-process is looked at: a change that is not found within two months is found by nothing that a person would call an alarm. */
export const DETECTOR_DAY_COUNT_MAX = 60;
/** Of the last seven days each one starts an e-process: with sparser ones a sudden change is found a day later. */
export const DETECTOR_DENSE_DAY_COUNT = 7;
/** Of older days every fourth: what began two days before a slow change finds it as well. */
export const DETECTOR_SPARSE_STEP_DAYS = 4;
/** Logarithm of the evidence by which a stream has come back: one in 150. An incident that closes too early opens again at once. */
export const RECOVERY_LOG_EVIDENCE = 5;
/** Logarithm of the evidence for a difference from the training data: one in a thousand, since it is asked once for each metric and baseline. */
export const SKEW_LOG_EVIDENCE = 7;
/** Groups of a metric without an order; the less frequent cells share the last. More groups need a longer baseline and find later what moved in few. */
export const GROUP_COUNT_MAX = 32;
/** Groups on a number line: a baseline of 28 days fills 16, and a smooth shift is as clear in them as in thousands. */
export const LINE_GROUP_COUNT_MAX = 16;
/** Groups off the number line: nan, two infinities, uncounted, and two to spare. */
export const OFF_LINE_GROUP_COUNT_MAX = 6;
/** Items by which cells are united into groups: twenty for each group on a line. */
export const GROUPING_ITEM_COUNT_MIN = 20 * LINE_GROUP_COUNT_MAX;
/** Observations of one day at the most: beyond it a logarithm of the gamma function loses the digits that evidence is made of. */
export const DAY_OBSERVATION_COUNT_MAX = 100_000_000;
/** Streams of one model: 50 metrics in 32 segments and two arms, and room for a second plan of few. Each costs some 15 kB and less than a tenth of a millisecond an hour. */
export const STREAM_COUNT_MAX = 4_096;
/** A tolerance above this hides what everybody calls drift. */
export const TOLERANCE_MAX = 0.05;
/** Tolerance over what weeks were seen to wander: four weeks see a quarter of a slow wander, and it takes twice its size to keep it. */
export const WANDER_TOLERANCE_RATIO = 8;
/** The monitor's turn on the process that takes reports: then others have theirs. */
export const MONITOR_STEP_MS = 5;
/** After the end of an hour until it is judged: what was received in it is committed by then. */
export const MONITOR_SETTLE_MS = 120_000;
/** Streams of one answer: more than a person reads, and half a megabyte. */
export const STREAM_LISTED_COUNT_MAX = 1_000;
/** Streams of one stored record: some megabyte of JSON. */
export const STREAM_RECORD_COUNT = 64;
/** Orders about baselines that are kept of one model version; a person gives a few a year. */
export const BASELINE_ORDER_COUNT_MAX = 200;
/** Hours of votes in one answer: a day, which is how a replay asks. */
export const VOTES_HOUR_COUNT_MAX = 24;
