/**
 * The report: the only bytes that leave a page.
 *
 * The whole grammar, little-endian, `varint` = shortest-form unsigned LEB128:
 *
 *     body    = schema:u8 modelVersion:8B windowCount:varint window*
 *     window  = kind:u8 id:16B plan:8B hour:u32 arm:u8 segment:u8 runs:varint cells
 *     cells   = cellCount:varint byteCount:varint coded:byteCount*B
 *
 * `kind` is the kind of report and, in its two highest bits, the mark: 0x40 says that this is the first window that the browser sends of this
 * model version and kind of report on the UTC day, 0x80 that it is the first in the ISO week; the first of a week is also the first of a day.
 *
 * Why two bits of that byte and no further schema: a window without a mark has the bytes that it always had, the mark stands in the window
 * that it is about, and a collector that does not know it refuses that window and no other.
 *
 * `coded` is `cellCount` times a step and a count, range-coded (protocol/report/cell-code.ts, protocol/report/range-coder.ts). A cell's index
 * is the one before plus the step, the first is the step less 1.
 *
 * There is no string, float, URL, user identifier or fine timestamp, so there is nothing to scrub. `id` is random,
 * made for one window, and forgotten by the collector after ID_HORIZON_MS.
 *
 * Invariants
 *  - One meaning, one encoding: indices strictly rise, counts are at least 1, varints are shortest, no byte is left over,
 *    and of all numbers that decode to the same cells one is allowed.
 *  - Every window of a body is about one model version, so an unregistered model never holds up another one's counts.
 *  - A window's bytes never change once its id was handed to the network, but for the mark, which a collector of an earlier release is spared.
 *  - A body of several windows has at most BODY_CELL_COUNT_MAX cells; with more, each window is right alone.
 *
 * Not here: what a cell means (counts/layout/plan.ts).
 */

import { hexBytes, toHex } from '../hex.ts';
import { BODY_BYTES_MAX, BODY_CELL_COUNT_MAX, BODY_WINDOW_COUNT_MAX, PLAN_CELL_COUNT_MAX, SEGMENT_COUNT_MAX } from '../limits.ts';
import { ByteReader, ByteWriter, GrammarError } from './bytes.ts';
import { decodeCells, encodeCells } from './cell-code.ts';
import { NOISED_SCHEMA, readNoisedBody } from './noised-report.ts';
import { ARMS, type Body, REPORT_KINDS, VOTE_CADENCES, type VoteCadence, type Window, type WindowHeader } from './window.ts';

export const REPORT_SCHEMA = 1;

/** Runs and cell counts stay below 2^32 so that a sum of a million windows is exact in a 64-bit integer. */
const COUNT_MAX = 0xffff_ffff;

const KIND_MASK = 0x3f;
const MARK_BITS: { readonly [Cadence in VoteCadence]: number } = { day: 0x40, week: 0xc0 };

/** One window's bytes, without the body header: what the outbox keeps and what every retry repeats. */
export function encodeWindow(window: Window): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.u8(REPORT_KINDS.indexOf(window.report) | (window.mark === undefined ? 0 : MARK_BITS[window.mark]));
  writer.raw(hexBytes(window.id, 16));
  writer.raw(hexBytes(window.plan, 8));
  writer.u32(window.hour);
  writer.u8(ARMS.indexOf(window.arm));
  writer.u8(window.segment);
  writer.varint(window.runs);
  writer.varint(window.cells.length);
  const coded = encodeCells(window);
  writer.varint(coded.length);
  writer.raw(coded);
  return writer.finish();
}

/** A window that `encodeWindow` made without a mark, with it. */
export function markedWindow(bytes: Uint8Array<ArrayBuffer>, mark: VoteCadence | undefined): Uint8Array<ArrayBuffer> {
  return mark === undefined ? bytes : bytes.with(0, (bytes[0] as number) | MARK_BITS[mark]);
}

/** A body around windows that `encodeWindow` made, all of one model version. */
export function encodeBody(modelVersion: string, windows: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.u8(REPORT_SCHEMA);
  writer.raw(hexBytes(modelVersion, 8));
  writer.varint(windows.length);
  for (const window of windows) writer.raw(window);
  return writer.finish();
}

type BodyReading =
  | { readonly ok: true; readonly body: Body }
  /** `isTooLong`: its windows may be right one by one. */
  | { readonly ok: false; readonly reason: string; readonly isTooLong?: true };

/** Strict inverse of `encodeBody`; whatever departs from the grammar is refused with the reason. */
export function decodeBody(bytes: Uint8Array): BodyReading {
  if (bytes.length > BODY_BYTES_MAX) return { ok: false, reason: 'the body is longer than BODY_BYTES_MAX' };
  try {
    const reader = new ByteReader(bytes);
    const schema = reader.u8();
    if (schema === NOISED_SCHEMA) return { ok: true, body: readNoisedBody(reader) };
    if (schema !== REPORT_SCHEMA) return { ok: false, reason: 'the schema is unknown' };
    const modelVersion = toHex(reader.take(8));
    const windowCount = reader.varint(BODY_WINDOW_COUNT_MAX);
    if (windowCount === 0) return { ok: false, reason: 'the body has no window' };
    // First what each window says of itself: decoding its cells is the work, and is done once their number is known to be bounded.
    const coded: CodedWindow[] = [];
    for (let index = 0; index < windowCount; index++) coded.push(readCodedWindow(reader));
    if (!reader.isAtEnd) return { ok: false, reason: 'bytes are left over' };
    const cellCount = coded.reduce((sum, window) => sum + window.cellCount, 0);
    if (windowCount > 1 && cellCount > BODY_CELL_COUNT_MAX) {
      return { ok: false, reason: `several windows together have at most ${BODY_CELL_COUNT_MAX} cells`, isTooLong: true };
    }
    return { ok: true, body: { modelVersion, windows: coded.map(decodedWindow) } };
  } catch (error) {
    if (error instanceof GrammarError) return { ok: false, reason: error.message };
    throw error;
  }
}

/** Inverse of `encodeWindow`, for records of the outbox and for `inspect()`. */
export function decodeWindow(bytes: Uint8Array): Window | null {
  try {
    const reader = new ByteReader(bytes);
    const coded = readCodedWindow(reader);
    return reader.isAtEnd ? decodedWindow(coded) : null;
  } catch (error) {
    if (error instanceof GrammarError) return null;
    throw error;
  }
}

/** A window whose cells were not decoded yet. */
interface CodedWindow {
  readonly header: WindowHeader;
  readonly cellCount: number;
  readonly coded: Uint8Array;
}

function readCodedWindow(reader: ByteReader): CodedWindow {
  const kind = reader.u8();
  const report = REPORT_KINDS[kind & KIND_MASK];
  if (report === undefined || report === 'noised') throw new GrammarError('the report kind is unknown');
  const mark = VOTE_CADENCES.find((cadence) => MARK_BITS[cadence] === (kind & ~KIND_MASK));
  if (mark === undefined && kind > KIND_MASK) throw new GrammarError('the first of a week is not the first of a day');
  const id = toHex(reader.take(16));
  const plan = toHex(reader.take(8));
  const hour = reader.u32();
  const arm = ARMS[reader.u8()];
  if (arm === undefined) throw new GrammarError('the arm is unknown');
  const segment = reader.u8();
  if (segment >= SEGMENT_COUNT_MAX) throw new GrammarError('the segment is out of range');
  const runs = reader.varint(COUNT_MAX);
  const cellCount = reader.varint(PLAN_CELL_COUNT_MAX);
  const header = { report, id, plan, hour, arm, segment, runs, ...(mark === undefined ? {} : { mark }) };
  return { header, cellCount, coded: reader.take(reader.varint(reader.remainingBytes)) };
}

function decodedWindow({ header, cellCount, coded }: CodedWindow): Window {
  return { ...header, ...decodeCells(coded, cellCount) };
}
