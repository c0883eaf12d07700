/**
 * Limits of `insitu backtest`: how much history a replay holds, and how much of it is replayed once more. As in protocol/limits.ts, each
 * with its unit and reason.
 *
 * Not here: limits of the monitor that is replayed (protocol/monitor-limits.ts).
 */

/** The end of the year 9999, beyond which ISO 8601 needs another form: a time column that holds more holds no times. */
export const TIME_MS_MAX = 253_402_300_799_999;
/** Numbers of votes that are held, some 40 bytes each: three years of hours of fifty metrics in 16 cells. */
export const HELD_NUMBER_COUNT_MAX = 24_000_000;
/** Days of one replay: twenty years. */
export const BACKTEST_DAY_COUNT_MAX = 7_320;
/** Days that a collector is asked for unless somebody names others: a year, and the five weeks that a first baseline takes. */
export const BACKTEST_DAY_COUNT_DEFAULT = 400;
/** Days on which the table of delays plants a change; each costs a replay of what follows it for each size of change. */
export const PLANTED_DAY_COUNT = 8;
/** Days after which a planted change that was not found is given up: the monitor looks no further back. */
export const PLANTED_WAIT_DAY_COUNT_MAX = 60;
/** Streams without an alarm of which the report draws evidence, those that came nearest to one. */
export const NEAR_STREAM_COUNT = 8;
/** Alarms, and streams without a verdict, that are listed one by one on a terminal. */
export const LISTED_ROW_COUNT_MAX = 40;
/** Alarms whose evidence is drawn: more lines than these nobody looks at. */
export const DRAWN_STREAM_COUNT_MAX = 24;
