/**
 * Every cap, timeout and interval of the product: unit in the name, reason beside it.
 *
 * Why one file: a reviewer reads the whole envelope of the product on one page, and a limit that two
 * sides must agree on cannot drift apart.
 *
 * Invariants
 *  - Compiled in. Remote configuration may tighten a privacy limit, never loosen one.
 *
 * Not here: incidents, rules and their delivery, which have a page of their own (alarm-limits.ts), model-specific bounds (protocol/manifest/manifest.ts) and cell layouts (counts/).
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
/** Losses of its worker within WORKER_LOSS_WINDOW_MS after which a model waits: one that kills its worker must not do so for ever. */
export const WORKER_LOSS_COUNT_MAX = 3;
/** See WORKER_LOSS_COUNT_MAX. A worker that lasts longer than this was not killed by its model's first run. */
export const WORKER_LOSS_WINDOW_MS = 60_000;
/** First wait after a rebuild that failed; grows twofold. Frames at 30 Hz must not ask a server for a missing file 30 times a second. */
export const REBUILD_BACKOFF_MS_MIN = 1_000;
/** Longest wait between two rebuilds that fail. */
export const REBUILD_BACKOFF_MS_MAX = 60_000;
/** From here on the WASM heap grows by a twentieth and not by a fifth: below it growth is frequent and the waste small. */
export const HEAP_LARGE_STEP_BYTES_MAX = 32 * 2 ** 20;
/** How long a start waits for the snapshot that would shorten it, once all else is there. A browser's cache needs milliseconds; on a slow phone a start without takes this much longer. */
export const SNAPSHOT_WAIT_MS_MAX = 1_000;
/** Elements of one output that are looked through for NaN after each run, at a fixed stride: some 4 µs. */
export const NAN_SCAN_COUNT_MAX = 4_096;
/** How long a worker waits for the lock by which its page learns of its death. It is free, so it is given at once or, in a browser whose lock manager is stuck, never. */
export const LIFE_LOCK_TIMEOUT_MS = 1_000;
/** From the rejection of a run on a lost GPU to the news of the loss, which browsers deliver in either order. */
export const DEVICE_LOSS_GRACE_MS = 100;
/** One answer of a GPU's driver or of WebNN: adapter, device, context. A cold one takes a second or two; one that hangs is one that is not there. */
export const DEVICE_ANSWER_TIMEOUT_MS = 10_000;
/** A worker whose control calls neither begin, go on nor end for this long is stuck in the browser: all that waits by design is shorter. */
export const WORKER_STANDSTILL_MS_MAX = 5 * 60_000;
/** A worker that is not needed any more has so long to finish what its store is at. */
export const WORKER_RETIRE_MS_MAX = 2_000;
/** Letters of a name in a manifest: of tensors, axes, files, classes. */
export const NAME_LENGTH_MAX = 128;
/** Classes of one output that a manifest may name. */
export const LABEL_COUNT_MAX = 62;
/** Items of one call: those of a tensor that are counted, pictures or texts that are taken, runs that are joined. More than a GPU buffer of a mid-range phone holds for images. */
export const BATCH_AXIS_COUNT_MAX = 1024;
/** A run waits for others of its batch at the most this long. A person notices a longer wait between an act and its answer. */
export const BATCH_WAIT_MS_MAX = 1_000;
/** Tensors that one worker keeps for the page. A pipeline of ten models, 30 frames deep, stays below; more is a leak. */
export const RESIDENT_TENSOR_COUNT_MAX = 512;
/**
 * Buffers below are copied with the message, larger ones handed over: a transfer has a fixed price, a copy pays by the byte. One that a caller hands over is
 * detached either way.
 */
export const TRANSFER_BYTES_MIN = 16 * 1024;

// ── Pre- and postprocessing ────────────────────────────────────────────────────────────────────

/** Pixels of one picture. 64 million are 256 MB once decoded; the largest phone cameras in use make 50 million by default. */
export const PICTURE_PIXEL_COUNT_MAX = 64 * 1024 * 1024;
/** Runs of one model being preprocessed at once: one decodes while another is resized. More would only hold memory. */
export const PREPARING_COUNT_MAX = 2;
/** Classes that one `top-k` returns. Longer lists are the tensor itself, which is there too. */
export const TOP_COUNT_MAX = 1_000;
/** Boxes of one picture that leave the worker. Crowded scenes hold some hundred; COCO's own measure looks at 100. */
export const BOX_COUNT_MAX = 1_000;
/** Boxes above the threshold that compete, best first: as many as Ultralytics lets through. */
export const BOX_CANDIDATE_COUNT_MAX = 30_000;
/** Samples per second of a recording. Studio hardware ends at 192 kHz; the phases of a resampler grow with it, to 18 MB here. */
export const RECORDING_RATE_MAX = 192_000;
/** Samples that one recording's tensor is made of: half an hour at 16 kHz, 230 MB while it is resampled. */
export const RECORDING_SAMPLE_COUNT_MAX = 30 * 60 * 16_000;
/** Samples of one frame of a spectrogram: a third of a second at 48 kHz, more than any mel model takes. */
export const FOURIER_LENGTH_MAX = 16_384;
/** Tokens of one text. The longest contexts that run in a page take 32,768. */
export const TOKEN_COUNT_MAX = 131_072;
/** Characters of one text: beyond any such context, and a few seconds of tokenizing. */
export const TEXT_LENGTH_MAX = 1_000_000;

// ── Model files ────────────────────────────────────────────────────────────────────────────────

/** One record of the model store. 4 MiB Blobs were the best trade of write and read time in Chromium and Firefox. */
export const CHUNK_BYTES_MAX = 4 * 1024 * 1024;
/** A weight this large is handed to the runtime beside the graph. Smaller ones are most of the tensors and next to none of the bytes. */
export const EXTERNAL_WEIGHT_BYTES_MIN = 16 * 1024;
/** A model file this small is left in one piece when it is packed: a second request costs more than a copy in the heap. */
export const SINGLE_FILE_BYTES_MAX = 1024 * 1024;
/** Where `insitu pack` cuts: half a record of the store, so that a change costs little and 100 MB are still 50 records. */
export const PACK_CHUNK_BYTES = 2 * 1024 * 1024;
/** Elements of a golden output that are written into the manifest, 10 bytes each. More would not find another wrong provider. */
export const GOLDEN_OUTPUT_COUNT_MAX = 1024;
/** A manifest. The largest real one seen (goldens inline) is 40 kB; a larger body is not a manifest. */
export const MANIFEST_BYTES_MAX = 4 * 1024 * 1024;
/** One model file. A Chromium ArrayBuffer ends near 2 GB, and so does a protobuf message. */
export const MODEL_BYTES_MAX = 2_000_000_000;
/** Between two missing ranges of a file: a gap this small costs less than one more round trip (64 KiB are 50 ms at 10 Mbit/s). */
export const RANGE_GAP_BYTES_MAX = 64 * 1024;
/** Ranges of one file that are asked for at a time. Two files at a time make six, what HTTP/1.1 gives one host. */
export const RANGE_REQUEST_COUNT_MAX = 3;
/** Files of weights beside a plain .onnx file, one request after the other. Exporters that write one for each tensor come to hundreds. */
export const EXTERNAL_FILE_COUNT_MAX = 1024;
/** Files of one model that are fetched at a time; see RANGE_REQUEST_COUNT_MAX. */
export const DOWNLOAD_FILE_COUNT_MAX = 2;
/** Attempts in a row that bring no new chunk before a download is given up. With the waits between them that is 4 s to 7 s. */
export const DOWNLOAD_ATTEMPT_COUNT_MAX = 4;
/** First wait before an attempt is repeated; doubles, half of it by chance, so that the pages of a failed server do not return together. */
export const DOWNLOAD_RETRY_MS_MIN = 1_000;
/** A server's Retry-After is heeded up to this: somebody is looking at a progress bar. */
export const DOWNLOAD_RETRY_AFTER_MS_MAX = 30_000;
/** Bytes that must arrive within LOAD_STALL_TIMEOUT_MS: a body that drips more slowly would need days and is given up. */
export const DOWNLOAD_STALL_BYTES_MIN = 16 * 1024;
/** Chunks that wait to be written while the next ones arrive: 4 × 4 MiB. A disk slower than the network holds the network up. */
export const STORE_WRITE_COUNT_MAX = 4;
/** What the store's database leaves unanswered this long is taken for refused: the load goes on without it. One write is 4 MiB at the most. */
export const STORE_ANSWER_TIMEOUT_MS = 10_000;
/** A sweep looks at every record: one of typed arrays is read for its length. */
export const STORE_SWEEP_TIMEOUT_MS = 2 * 60_000;
/** Chunks of a download that broke off are kept this long for its return. */
export const PARTIAL_AGE_MS_MAX = 7 * 24 * 3_600_000;
/** From a load to the store's own tidying: the page's start and its first run come first. */
export const STORE_IDLE_MS = 500;
/** Kept free beside a model: counts, verdicts and the browser's own bookkeeping. */
export const STORE_SPARE_BYTES = 1024 * 1024;
/** A tab that downloads for others tells them this often that it lives. */
export const DOWNLOAD_BEAT_MS = 1_000;
/** A tab that waits for another one's download looks this often whether it has ended. */
export const DOWNLOAD_POLL_MS = 200;
/** Silence after which a waiting tab no longer believes in the other one, whatever its lock says. A worker that starts its runtime on a busy machine was silent for 6 s. */
export const DOWNLOAD_SILENCE_MS_MAX = 15_000;
/** Between two reports of bytes to the page: twenty a second are a smooth bar. */
export const PROGRESS_INTERVAL_MS = 50;
/** Asking for a script once more, to tell why it did not start. Its failure is told at the latest then. */
export const ASSET_ASK_TIMEOUT_MS = 5000;
/** A store that could not be opened is believed to be refused for so long: each load asks many times, and a browser that hangs would be waited for each time. */
export const STORE_REFUSAL_MS = 60_000;
/** Opening the store. Browsers have left `indexedDB.open` unanswered for ever; a working one takes milliseconds. */
export const STORE_OPEN_TIMEOUT_MS = 5_000;
/** What is recorded while the code that counts is on its way: a stream of frames for half a minute. More is not kept. */
export const EARLY_STEP_COUNT_MAX = 1_000;
/** Cells of answered runs are waited for this long at a flush, and before a worker is ended; they are there within a millisecond of the answer. */
export const CELLS_TIMEOUT_MS = 1_000;
/** From a run's answer to its place in the counts: long enough for one timer to serve a loop of runs, too short to be seen. */
export const RECORD_DELAY_MS = 50;
/** From the load of a cached model to the look for a new version, and of any to the fetch of the next visit's snapshot: the page's own start comes first. */
export const UPDATE_DELAY_MS = 5_000;

// ── The choice ─────────────────────────────────────────────────────────────────────────────────

/** Candidates that are timed against each other: the best of each provider, and one whose file is at hand anyway. */
export const TIMED_CANDIDATE_COUNT_MAX = 3;
/** Bytes that a first load fetches only to time another candidate. Two seconds at 32 Mbit/s, once per model and device. */
export const MEASURE_BYTES_MAX = 8 * 1024 * 1024;
/** The same behind the first result, when nobody waits. More would be too much of a person's data plan. */
export const MEASURE_BACKGROUND_BYTES_MAX = 32 * 1024 * 1024;
/** Timed spans per candidate; their median is compared. An odd number, so that one hiccup is never the median. */
export const MEASURE_SPAN_COUNT = 5;
/** No new span begins after this: a model that takes longer per run has shown by then what it is like. */
export const MEASURE_MS_MAX = 200;
/** A span repeats the run until this long: a page's clock may tick only once a millisecond. */
export const MEASURE_SPAN_MS_MIN = 4;
/** Another candidate replaces the first of the rules when it takes this much less time: below it, noise would decide. */
export const MEASURE_GAIN_RATIO_MIN = 0.1;
/** From the first result to the retest behind it (golden outputs, timing, another adapter): the page's own start comes first. */
export const RETEST_DELAY_MS = 2_000;
/** Remembered choices. One per model version and set of options; when they are full, all go and are measured again. */
export const VERDICT_COUNT_MAX = 64;
/** Share of the device's memory that a model's file may have: the runtime needs up to as much again. */
export const MEMORY_SHARE_RATIO_MAX = 0.5;
/** A WASM heap ends at 4 GiB, and holds inline weights at least twice while a session is created. */
export const WASM_MODEL_BYTES_MAX = 2 * 1024 * 1024 * 1024;
/** A service worker that is asked to keep the files for an offline visit: the largest runtime has 27 MB, over a slow line. */
export const KEEP_FILES_TIMEOUT_MS = 2 * 60_000;

// ── Counting ───────────────────────────────────────────────────────────────────────────────────

/** Runs in a data report at the least, repeats left out: a histogram of fewer is close to a record of one act. */
export const DATA_REPORT_RUN_COUNT_MIN = 8;
/** Runs in one window at the most; what comes after seals it. Keeps every cell far below u32. */
export const WINDOW_RUN_COUNT_MAX = 100_000;
/** Elements of one tensor that a numeric kernel reads per run, at a fixed stride. 65,536 cost 0.1 to 0.2 ms. */
export const COUNTED_ELEMENT_COUNT_MAX = 65_536;
/** What was left out of one tensor of one run is told up to this: 67 million are 268 MB of float32, about what a page can hold beside its model. */
export const UNCOUNTED_COUNT_MAX = 2 ** 26;
/** Runs of a rest: as many with fewer than eight different inputs are one input again and again, and are given up. */
export const REST_RUN_COUNT_MAX = 1_000;
/** What a software metric of one window may count beside the window's runs: loads, losses and samples of a minute. A page that reloads all the time makes a dozen. */
export const SOFTWARE_EVENT_COUNT_MAX = 10_000;
/** Answers that a person is believed to have judged, per run of the window: one run may put a page full of items before somebody. */
export const FEEDBACK_PER_RUN_COUNT_MAX = 64;
/** Samples of one recording that the audio kernel reads, from the start: 65 s at 16 kHz, about 3 ms. */
export const AUDIO_SAMPLE_COUNT_MAX = 16 * COUNTED_ELEMENT_COUNT_MAX;
/** Distinct runs that a later one is compared with to tell a repeat: a slider or a double click repeats the last few. */
export const REPEAT_RUN_COUNT_MAX = 64;
/** Models whose last runs one realm remembers. A page has a handful; what generates them must not grow it. */
export const REPEAT_MODEL_COUNT_MAX = 64;
/** Between two samples of the processor's pressure: it is about heat and neighbours, which do not change faster. */
export const PRESSURE_INTERVAL_MS = 10_000;
/** Items of one metric that a marked window votes with: nearly the power of all of them, and a visit of a thousand items does not outvote a hundred visits. */
export const VOTE_ITEM_COUNT_MAX = 32;
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
/** Longest wait of a noised report, chance included; a stored time that lies further ahead was written under another clock. */
export const LOCAL_DP_RETRY_MS_MAX = 2 * 24 * 3_600_000;

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
/** Ids are kept a day longer than any client keeps a window: for the hours that may lie ahead, and for a late retry. */
export const ID_HORIZON_MS = OUTBOX_AGE_MS_MAX + 24 * 3_600_000;
/**
 * How far ahead of the collector's clock a window's hour may lie: time zones are not involved, only wrong clocks, and of them those whose
 * owner forgot summer time. One that is further off learns the time from the refusal.
 */
export const CLOCK_AHEAD_MS_MAX = 2 * 3_600_000;
/** How far a page believes that its clock is off: a device without a battery begins in 1970. */
export const CLOCK_CORRECTION_MS_MAX = 100 * 366 * 24 * 3_600_000;
/** The least that a clock must be off by to be corrected: below it, a refusal was about the window's age. */
export const CLOCK_CORRECTION_MS_MIN = 3_600_000;
/** First retry delay; grows twofold with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter"). */
export const BACKOFF_MS_MIN = 1_000;
/** Longest delay that we choose ourselves. A server's Retry-After may be longer, see RETRY_AFTER_MS_MAX. */
export const BACKOFF_MS_MAX = 5 * 60_000;
/** A server's Retry-After is heeded up to this, and so is one that an earlier visit stored: a typing error must not silence a browser. */
export const RETRY_AFTER_MS_MAX = 24 * 3_600_000;
/** What a caller of `grant`, `withdraw`, `erase`, `flush` or `close` waits at the most, whatever in the browser never answers. What is under way goes on. */
export const TELEMETRY_WAIT_MS_MAX = 30_000;
/** A lock that nobody else asks for, the list of locks, and a database's first read are there at once or, in a browser where they are stuck, never. */
export const STUCK_TIMEOUT_MS = 10_000;
/** One report request, answer included. Behind it the window stays in the outbox and is retried. */
export const REPORT_TIMEOUT_MS = 20_000;
/** Refusals without any answer (status 0) in a row before the exporter is quiet until the next visit: an ad blocker refuses every time. */
export const SILENT_REFUSAL_COUNT_MAX = 3;
/** Answers of a server in trouble in a row, none of them proved, before the page says that no collector may be there: a restart behind a proxy is over by then. */
export const TROUBLED_ANSWER_COUNT_MAX = 5;
/** Without Web Locks a record belongs to its page this long after its last write (three draft intervals). */
export const LEASE_MS = 3 * DRAFT_INTERVAL_MS;
/**
 * Days before one that was marked in which nothing is marked: a clock that stepped back is waited for so long. A collector takes no window that
 * is older (OUTBOX_AGE_MS_MAX), so what is marked of an earlier day does not arrive.
 */
export const MARK_BACK_DAY_COUNT = 8;
/** Days that are remembered as marked, of each model version and kind of report: the last, and those before a gap or a step of the clock. */
export const MARKED_DAY_COUNT_MAX = 4;
/** Model versions and kinds of report whose marks one browser remembers. A site has a handful; what generates models must not grow the list. */
export const MARKED_MODEL_COUNT_MAX = 64;
/** Sends that `inspect()` can still show. */
export const INSPECT_COUNT_MAX = 50;

// ── Collector ──────────────────────────────────────────────────────────────────────────────────

/** How long a window waits for companions before its group commits. */
export const GROUP_COMMIT_WAIT_MS = 5;
/** Windows in one group commit: one transaction writes their ids and a few hundred summed cells. */
export const GROUP_COMMIT_COUNT_MAX = 1_000;
/** Cells in one group commit, but for a window that has more alone: 20 to 40 ms where somebody sends as fast as he can, and a window that comes meanwhile waits no longer than that. */
export const GROUP_COMMIT_CELL_COUNT_MAX = 4_096;
/** Windows accepted but not yet committed; beyond it the collector answers 503 so that clients keep theirs. */
export const INTAKE_QUEUE_COUNT_MAX = 20_000;
/** Cells of heavy bodies that wait for their commit: a second of work. Beyond it they get 503, and light ones go on. */
export const INTAKE_QUEUE_CELL_COUNT_MAX = 32 * GROUP_COMMIT_CELL_COUNT_MAX;
/** Cells of a body that does not wait behind heavy ones. A page's two windows of a minute have some hundred, those of a busy model a thousand. */
export const LIGHT_BODY_CELL_COUNT_MAX = 2_048;
/** Windows of a body that does not wait behind heavy ones. A visible page sends two or three; more come back from an outbox and can wait. */
export const LIGHT_BODY_WINDOW_COUNT_MAX = 8;
/** Heavy bodies have at most this share of the store's time, so that whoever sends them as fast as he can leaves the rest to others. */
export const HEAVY_TIME_RATIO_MAX = 0.25;
/**
 * Cells of a body of several windows. A byte can say eight cells, so 32 KiB could ask for a quarter of a million rows; with more than
 * this a page sends its windows one by one. A single window has at most those of its plan.
 */
export const BODY_CELL_COUNT_MAX = GROUP_COMMIT_CELL_COUNT_MAX;
/** A refused report is answered after this: a page does not mind, and whoever sends what is refused as fast as he can keeps nobody else from being heard. */
export const REFUSAL_WAIT_MS = 100;
/** Seconds in `Retry-After` for a model that is not registered yet: a person has to act. */
export const RETRY_AFTER_UNKNOWN_S = 600;
/** Seconds in `Retry-After` when the intake is full or the store fails. */
export const RETRY_AFTER_BUSY_S = 30;
/** The log tells of a reason for refusing reports this often at the most: an hour of it is one line. */
export const REFUSAL_TOLD_INTERVAL_MS = 3_600_000;
/** The log tells so often of a store that goes on failing. */
export const STORE_FAILURE_TOLD_INTERVAL_MS = 10 * 60_000;
/** Unregistered model versions that are told in that time. An owner has a handful; whoever makes them up fills no disk. */
export const REFUSED_TOLD_COUNT_MAX = 10;
/** Unregistered model versions whose refusals are counted by name: 64 kB. */
export const REFUSED_VERSION_COUNT_MAX = 256;
/** A registration body: manifest with goldens and baseline. */
export const REGISTRATION_BYTES_MAX = 8 * 1024 * 1024;
/** Runs in one window that the collector believes. A client seals at WINDOW_RUN_COUNT_MAX; a rest and one task's batch may still join. */
export const REPORT_RUN_COUNT_MAX = 2 * WINDOW_RUN_COUNT_MAX;
/** Commits are told at most this often, those since the last time together: a person cannot read a chart that changes faster. */
export const LIVE_INTERVAL_MS = 1_000;
/** Dashboards listening at once; each holds a connection open. One more, and the longest there is ended: its browser comes again. */
export const LIVE_LISTENER_COUNT_MAX = 64;
/** A live stream is ended after this, and a browser that is still there opens the next one: one whose reader is gone without a word holds no place for ever. */
export const LIVE_LISTENER_MS_MAX = 10 * 60_000;
/** Live events waiting for one slow dashboard; what comes on top is dropped, it only says "fetch again". */
export const LIVE_BACKLOG_COUNT_MAX = 64;
/** A comment on a silent live stream, well below the 60 s after which proxies close one. */
export const LIVE_KEEPALIVE_MS = 20_000;
/** Hours that one query may ask for: a quarter of a year of hourly sums. */
export const SERIES_HOUR_COUNT_MAX = 24 * 92;
/** Cells of one kind in one answer: a whole plan in one slot of time, or 390 cells an hour over a week. Beyond it hours are taken together. */
export const SERIES_CELL_COUNT_MAX = PLAN_CELL_COUNT_MAX;
/** Reads that wait for the one that is running. Dashboards of one selection share one; more than these get 503. */
export const READ_QUEUE_COUNT_MAX = 64;
/** Seconds in `Retry-After` for a reader: a dashboard asks again by itself. */
export const RETRY_AFTER_READ_S = 5;
/** Half days of the overview that are over are read again so often: a hundred models' week takes half a second of a core. */
export const OVERVIEW_KEPT_MS = 5 * 60_000;
/**
 * Reports of one hour, plan, arm and segment below which their sum is not shown, once others than this machine can read: a sum of fewer is
 * close to one person's window. As many as runs in a data report.
 */
export const SHOWN_REPORT_COUNT_MIN = DATA_REPORT_RUN_COUNT_MIN;
/** What the database may hold in memory; beyond it reads from disk. Sums and ids of a busy week take some hundred MB. */
export const STORE_MEMORY_BYTES_MAX = 512 * 1024 * 1024;
/** A connection on which nothing moved for this long is cut: a reader who is gone without a word holds neither socket nor file. */
export const CONNECTION_IDLE_MS_MAX = 60_000;
/** Requests of one connection, the one that is under way and those behind it. A browser and a proxy send one at a time; with more it is cut. */
export const CONNECTION_REQUEST_COUNT_MAX = 8;
/** Registered models; each keeps its plan in memory, and a write key cannot add one. */
export const REGISTRATION_COUNT_MAX = 1_000;
/**
 * Plans of one kind that are kept per model, the present one among them. A quarter of a year can be asked for
 * (SERIES_HOUR_COUNT_MAX), and a release that changes a plan every week would have made 14 of them by then.
 */
export const PLAN_KEPT_COUNT_MAX = 16;
/** Between two sweeps of forgotten ids. Keeping an id longer than its horizon costs a few bytes and nothing else. */
export const ID_SWEEP_INTERVAL_MS = 3_600_000;
/**
 * Votes are kept by the hour for so long, and by the day from then on: when a change began is told by the hour, and asked for until a month
 * after it.
 */
export const VOTE_HOURLY_DAY_COUNT = 35;
/** Streams of votes whose day is rolled up in one transaction, for which commits wait: a quarter of a second where models have 50 metrics of 16 cells. */
export const VOTE_ROLL_UP_STREAM_COUNT = 2;
/** From SIGTERM to the last answer: connections that are still open then are cut. */
export const SHUTDOWN_MS_MAX = 5_000;
/** Sessions of one operator that make V8 optimise a megabyte of the runtime: 200 were enough, and 400 take 0.2 s. */
export const CODE_CACHE_BATCH_COUNT = 40;
/** A run waits for as many of them: a few milliseconds. */
export const CODE_CACHE_SESSIONS_PER_BATCH = 10;
