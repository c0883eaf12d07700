/**
 * Limits of what other systems read of a collector: exports, pushes, files, the client. As in protocol/limits.ts, each with its unit and reason.
 *
 * Not here: everything else (protocol/limits.ts).
 */

/** One call of the collector's client: an answer of a quarter of a year is ready in a second, behind others in some. */
export const CLIENT_TIMEOUT_MS = 30_000;
/** What is exported is made anew at most this often, for all who ask together. Prometheus asks every 15 s, or every 5 where somebody is in a hurry. */
export const EXPORT_INTERVAL_MS = 5_000;
/** Sums are read again after this, even though this collector committed nothing: others may have, on the same store. */
export const EXPORT_READ_MS_MAX = 60_000;
/** Numbers in one export: some 300 models that are in use, 15 MB of text. What is beyond it is left out, model by model, and counted. */
export const EXPORTED_NUMBER_COUNT_MAX = 100_000;
/** Numbers of an export that are made or written at a stretch: a millisecond or two, then the event loop has its turn. */
export const EXPORT_SLICE_NUMBER_COUNT = 1_000;
/** Tensors of one model whose states are exported, in the order of the manifest: a table of a thousand columns is one tensor. */
export const EXPORTED_TENSOR_COUNT_MAX = 64;
/** Hours behind the oldest that is still accepted, before an hour is taken for settled: a clock that was set back by a day finds it open. */
export const SETTLED_MARGIN_HOURS = 24;
/** Between two samples of how late the event loop is: four a second cost nothing, and a stall of that length is met each time. */
export const LOOP_SAMPLE_MS = 250;
/** Numbers in one OTLP message: half a megabyte before it is compressed; receivers take 4 to 20 MiB. */
export const OTLP_NUMBER_COUNT_MAX = 5_000;
/** Between two pushes; OpenTelemetry's own default. */
export const OTLP_INTERVAL_MS = 60_000;
/** Pages report once a minute: more often than this, the same numbers would be sent again and again. */
export const OTLP_INTERVAL_MS_MIN = 1_000;
/** One OTLP request, answer included; OpenTelemetry's own default. */
export const OTLP_TIMEOUT_MS = 10_000;
/** A day: nobody waits longer on purpose, and a timer of more than 2^31 ms fires at once. */
export const TIMER_MS_MAX = 24 * 3_600_000;
/** What is read of a receiver's answer, which says in a sentence what was rejected. */
export const OTLP_ANSWER_BYTES_MAX = 64 * 1024;
/** Hours that the command line asks for in one question: some thousand cells, and a step that a person sees moving. */
export const EXPORT_STEP_HOURS = 24;
/** Days of one export to a file: ten years. */
export const EXPORT_DAY_COUNT_MAX = 3_660;
/** Rows of one group of a Parquet file, which are held in memory until they are written: some 10 MB. */
export const PARQUET_GROUP_ROW_COUNT = 100_000;
/** Times that a collector may say "ask again" to one question of an export. */
export const EXPORT_RETRY_COUNT_MAX = 20;
