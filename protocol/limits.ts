/**
 * Every cap, timeout and interval of the product: unit in the name, reason beside it.
 *
 * Why one file: a reviewer reads the whole envelope of the product on one page, and a limit that two
 * sides must agree on cannot drift apart.
 *
 * Invariants
 *  - Compiled in. Remote configuration may tighten a privacy limit, never loosen one.
 *
 * Not here: model-specific bounds (protocol/manifest.ts) and cell layouts (counts/).
 */

// ── Running ────────────────────────────────────────────────────────────────────────────────────

/** Runs waiting behind the one in flight, per worker. 256 covers a burst; more means nobody reads the answers. */
export const RUN_QUEUE_COUNT_MAX = 256;
/** From the call of `run` to its reply, waiting included. A page that waits longer has been abandoned. */
export const RUN_TIMEOUT_MS = 30_000;
/** Fetching, verifying and compiling one model. Compiling alone took 2.2 s for 100 MB; a slow phone needs ten times that, a slow line more. */
export const LOAD_STALL_TIMEOUT_MS = 60_000;
/** The worker's first sign of life after spawn. A cold one took 0.4 s on two cores; a phone under load needs more. */
export const WORKER_START_TIMEOUT_MS = 20_000;
/** A worker that leaves a ping unanswered this long after a run's deadline is hung: its queue was given RUN_TIMEOUT_MS before. */
export const WORKER_PING_TIMEOUT_MS = 5_000;
/** While a load is pending the worker is pinged this often. Rare enough to cost nothing. */
export const WORKER_PING_INTERVAL_MS = 5_000;
/** A loading worker may be silent this long: compiling blocks its thread, see LOAD_STALL_TIMEOUT_MS. */
export const WORKER_SILENCE_MS_MAX = 60_000;
/** Elements of one tensor axis called "batch". More than a GPU buffer of a mid-range phone holds for images. */
export const BATCH_AXIS_COUNT_MAX = 1024;
/** A run waits for company at the most this long. Longer than a person's patience between act and answer nothing is worth waiting for. */
export const BATCH_WAIT_MS_MAX = 1_000;
/** Tensors that one worker keeps for the page. A pipeline of ten models, 30 frames deep, stays below; more is a leak. */
export const RESIDENT_TENSOR_COUNT_MAX = 512;
/** Buffers below are copied with the message, larger ones handed over: a transfer has a fixed price, a copy pays by the byte. */
export const TRANSFER_BYTES_MIN = 16 * 1024;

// ── Model files ────────────────────────────────────────────────────────────────────────────────

/** One record of the model store. 4 MiB Blobs were the best trade of write and read time in Chromium and Firefox. */
export const CHUNK_BYTES_MAX = 4 * 1024 * 1024;
/** A manifest. The largest real one seen (goldens inline) is 40 kB; a larger body is not a manifest. */
export const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
/** One model file. A Chromium ArrayBuffer ends near 2 GB, and so does a protobuf message. */
export const MODEL_BYTES_MAX = 2_000_000_000;
/** Opening the store. Browsers have left `indexedDB.open` unanswered for ever; a working one takes milliseconds. */
export const STORE_OPEN_TIMEOUT_MS = 5_000;
/** What is recorded while the code that counts is on its way: a stream of frames for half a minute. More is not kept. */
export const EARLY_STEP_COUNT_MAX = 1_000;
/** From the first result of a cached model to the look for a new version: the page's own start comes first. */
export const UPDATE_DELAY_MS = 2_000;

// ── Counting ───────────────────────────────────────────────────────────────────────────────────

/** Runs in a data report at the least: a histogram of fewer is close to a record of one act. */
export const DATA_REPORT_RUN_COUNT_MIN = 8;
/** Runs in one window at the most; what comes after seals it. Keeps every cell far below u32. */
export const WINDOW_RUN_COUNT_MAX = 100_000;
/** Elements of one tensor that a numeric kernel reads per run, at a fixed stride. 65,536 cost 0.1 to 0.2 ms. */
export const COUNTED_ELEMENT_COUNT_MAX = 65_536;
/** Samples of one recording that the audio kernel reads, from the start: 65 s at 16 kHz, about 3 ms. */
export const AUDIO_SAMPLE_COUNT_MAX = 16 * COUNTED_ELEMENT_COUNT_MAX;
/** Distinct runs that a later one is compared with to tell a repeat: a slider or a double click repeats the last few. */
export const REPEAT_RUN_COUNT_MAX = 64;
/** Between two samples of the processor's pressure: it is about heat and neighbours, which do not change faster. */
export const PRESSURE_INTERVAL_MS = 10_000;
/** Cells of one plan at the most: index gaps stay short and a dense window stays below 1 MB. */
export const PLAN_CELL_COUNT_MAX = 65_536;
/** Segments of one plan at the most (5 bits): a larger partition starts to single people out. */
export const SEGMENT_COUNT_MAX = 32;

// ── Local differential privacy ─────────────────────────────────────────────────────────────────

/** ε of one noised report, in millionths. 1 gives away at most 1.44 bits about a device; less needs a multiple of the reports. */
export const LOCAL_DP_MICRO_EPSILON = 1_000_000;
/** No plan may ask for more: at ε = 2 one report already lets a guess between two values be right 88 times in 100. */
export const LOCAL_DP_MICRO_EPSILON_MAX = 2_000_000;
/** Hours of an epoch, the time in which one report and its ε are spent. A week holds the weekly rhythm of use. */
export const LOCAL_DP_EPOCH_HOURS = 7 * 24;
/** Reports of one device in LOCAL_DP_HISTORY_DAYS. A value that never changes, one of 64, is guessed after 8 answers about it in 18 % of cases, after 32 in 64 %. */
export const LOCAL_DP_REPORT_COUNT_MAX = 8;
/** How long a report counts against LOCAL_DP_REPORT_COUNT_MAX: a quarter of a year. */
export const LOCAL_DP_HISTORY_DAYS = 90;
/** A new ledger sends nothing for a day: whoever clears storage must not get a fresh budget for it. */
export const LOCAL_DP_QUARANTINE_HOURS = 24;
/** How far a clock may step back without costing the epoch: summer time and time servers stay within it. */
export const LOCAL_DP_CLOCK_BACK_HOURS = 1;
/** Features of a plan; a report is about one of them, so each needs as many times the reports. */
export const LOCAL_DP_FEATURE_COUNT_MAX = 8;
/** Cells of a metric without an order, such as classes; the 62 labels of the largest list, `other`, and one for "nothing". */
export const LOCAL_DP_CELL_COUNT_MAX = 64;
/** Cells of a metric with an order, after neighbours were united. 16 cells need 15,000 reports to see a PSI of 0.1, 64 need 104,000. */
export const LOCAL_DP_ORDERED_CELL_COUNT = 16;
/** A metric of more ordered cells is left out: united into 16, each would span orders of magnitude and say nothing. */
export const LOCAL_DP_SOURCE_CELL_COUNT_MAX = 512;
/** Between two looks at the ledger while a page is open: a report may leave a quarter of an hour later than it was due. */
export const LOCAL_DP_TICK_MS = 15 * 60_000;
/** First wait after a noised report that was not taken; grows twofold up to a day. Nobody waits for a single report. */
export const LOCAL_DP_RETRY_MS_MIN = 10 * 60_000;

// ── Delivery ───────────────────────────────────────────────────────────────────────────────────

/** The open window's record is rewritten at most this often: one small transaction per 5 s is free, one per run is not. */
export const DRAFT_INTERVAL_MS = 5_000;
/** A visible page seals a window this old. A dashboard that is a minute behind is live; shorter windows cost bytes. */
export const WINDOW_OPEN_MS_MAX = 60_000;
/** One POST body. In-flight keepalive bodies of all scripts share 64 KiB (Fetch standard); stay well below. */
export const BODY_BYTES_MAX = 32 * 1024;
/** Bodies that a page starts while it is being hidden, together: three quarters of the shared keepalive quota of 64 KiB. */
export const KEEPALIVE_BYTES_MAX = 48 * 1024;
/** Windows in one body: bounds what one refusal can hold up, and the collector's work per request. */
export const BODY_WINDOW_COUNT_MAX = 64;
/** The outbox, all records together. 256 KiB is about 500 busy windows; the oldest go first and are counted. */
export const OUTBOX_BYTES_MAX = 256 * 1024;
/** A window older than this is dropped and counted; the collector refuses it with 410. */
export const OUTBOX_AGE_MS_MAX = 7 * 24 * 3_600_000;
/** Ids are kept a day longer than any client keeps a window, so a late retry still meets its id. */
export const ID_HORIZON_MS = OUTBOX_AGE_MS_MAX + 24 * 3_600_000;
/** How far ahead of the collector's clock a window's hour may lie: time zones are not involved, only wrong clocks. */
export const CLOCK_AHEAD_MS_MAX = 24 * 3_600_000;
/** First retry delay; grows twofold with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"). */
export const BACKOFF_MS_MIN = 1_000;
/** Longest delay that we choose ourselves. A server's Retry-After may be longer and is honoured by keeping. */
export const BACKOFF_MS_MAX = 5 * 60_000;
/** One report request, answer included. Behind it the window stays in the outbox and is retried. */
export const REPORT_TIMEOUT_MS = 20_000;
/** Refusals without any answer (status 0) in a row before the exporter is quiet until the next visit: an ad blocker does not tire. */
export const SILENT_REFUSAL_COUNT_MAX = 3;
/** Without Web Locks a record belongs to its page this long after its last write (three draft intervals). */
export const LEASE_MS = 3 * DRAFT_INTERVAL_MS;
/** Sends that `inspect()` can still show. */
export const INSPECT_COUNT_MAX = 50;

// ── Collector ──────────────────────────────────────────────────────────────────────────────────

/** How long a window waits for companions before its group commits. */
export const GROUP_COMMIT_WAIT_MS = 5;
/** Windows in one group commit: one transaction writes their ids and a few hundred summed cells. */
export const GROUP_COMMIT_COUNT_MAX = 1_000;
/** Windows accepted but not yet committed; beyond it the collector answers 503 so that clients keep theirs. */
export const INTAKE_QUEUE_COUNT_MAX = 20_000;
/** Seconds in `Retry-After` for a model that is not registered yet: a person has to act. */
export const RETRY_AFTER_UNKNOWN_S = 600;
/** Seconds in `Retry-After` when the intake is full or the store fails. */
export const RETRY_AFTER_BUSY_S = 30;
/** A registration body: manifest with goldens and baseline. */
export const REGISTRATION_BYTES_MAX = 8 * 1024 * 1024;
/** Runs in one window that the collector believes. A client seals at WINDOW_RUN_COUNT_MAX; a rest and one task's batch may still join. */
export const REPORT_RUN_COUNT_MAX = 2 * WINDOW_RUN_COUNT_MAX;
/** One live event per model at most this often: a person cannot read a chart that changes faster. */
export const LIVE_INTERVAL_MS = 1_000;
/** Dashboards listening at once; each holds a connection open. */
export const LIVE_LISTENER_COUNT_MAX = 64;
/** Live events waiting for one slow dashboard; what comes on top is dropped, it only says "fetch again". */
export const LIVE_BACKLOG_COUNT_MAX = 64;
/** A comment on a silent live stream, well below the 60 s after which proxies close one. */
export const LIVE_KEEPALIVE_MS = 20_000;
/** Hours that one query may ask for: a quarter of a year of hourly sums. */
export const SERIES_HOUR_COUNT_MAX = 24 * 92;
/** Registered models; each keeps its plan in memory, and a write key cannot add one. */
export const REGISTRATION_COUNT_MAX = 1_000;
/** Between two sweeps of forgotten ids. Keeping an id longer than its horizon costs a few bytes and nothing else. */
export const ID_SWEEP_INTERVAL_MS = 3_600_000;
/** From SIGTERM to the last answer: connections that are still open then are cut. */
export const SHUTDOWN_MS_MAX = 5_000;
