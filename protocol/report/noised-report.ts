/**
 * The noised report: the only bytes that leave a page at the level `local-dp`.
 *
 * The whole grammar, little-endian; every field has a fixed size, and `answer` has the plan's, so all reports of a plan are
 * equally long:
 *
 *     body = schema:u8 modelVersion:8B plan:8B id:16B day:u16 feature:u8 offset:u16 answer:bytes
 *
 * `answer` holds one bit per cell of the feature, least significant first, noised before it was stored; behind the feature's
 * last cell come zeros. `id` is random and made for this report. There is no run count, arm, segment, hour, string or float.
 *
 * Invariants
 *  - One meaning, one encoding; that `offset` is the feature's place, and that nothing but zeros lies behind its last cell, only
 *    the plan can say (collector/intake/intake.ts).
 *  - Nothing in a body depends on how much was run, and only `answer` on what was run.
 *
 * Not here: the noise (counts/noise/), other reports (protocol/report/report.ts).
 */

import { hexBytes, toHex } from '../hex.ts';
import { LOCAL_DP_CELL_COUNT_MAX, LOCAL_DP_FEATURE_COUNT_MAX } from '../limits.ts';
import { type ByteReader, ByteWriter, GrammarError } from './bytes.ts';
import { type Body, DAY_HOURS } from './window.ts';

export const NOISED_SCHEMA = 2;

const ANSWER_BYTES_MAX = LOCAL_DP_CELL_COUNT_MAX / 8;

export interface NoisedReport {
  /** First 8 bytes of the manifest's SHA-256, as 16 hex digits. */
  readonly modelVersion: string;
  /** Hash of the local-dp plan, 16 hex digits. */
  readonly plan: string;
  /** 16 random bytes, as 32 hex digits. */
  readonly id: string;
  /** UTC days since 1970 when the report was closed. */
  readonly day: number;
  /** Which feature was asked, chosen by chance. */
  readonly feature: number;
  /** The feature's first cell in the plan. */
  readonly offset: number;
  /** One bit per cell of the feature. */
  readonly answer: readonly boolean[];
}

/** @param cellCountMax Cells of the plan's largest feature: all bodies of a plan have its length. */
export function encodeNoisedBody(report: NoisedReport, cellCountMax: number): Uint8Array<ArrayBuffer> {
  const { answer } = report;
  if (answer.length > cellCountMax) throw new RangeError('the answer is longer than the plan allows');
  const writer = new ByteWriter();
  writer.u8(NOISED_SCHEMA);
  writer.raw(hexBytes(report.modelVersion, 8));
  writer.raw(hexBytes(report.plan, 8));
  writer.raw(hexBytes(report.id, 16));
  writeU16(writer, report.day);
  writer.u8(report.feature);
  writeU16(writer, report.offset);
  const packed = new Uint8Array(Math.ceil(cellCountMax / 8));
  answer.forEach((bit, cell) => {
    if (bit) packed[cell >> 3] = (packed[cell >> 3] as number) | (1 << (cell & 7));
  });
  writer.raw(packed);
  return writer.finish();
}

/**
 * Reads a body behind its schema byte into one window: cell `feature` says that it was asked, the others are the answer's ones.
 *
 * @throws {GrammarError} for what departs from the grammar.
 */
export function readNoisedBody(reader: ByteReader): Body {
  const modelVersion = toHex(reader.take(8));
  const plan = toHex(reader.take(8));
  const id = toHex(reader.take(16));
  const day = readU16(reader);
  const feature = reader.u8();
  const offset = readU16(reader);
  const answer = reader.take(reader.remainingBytes);
  if (answer.length === 0 || answer.length > ANSWER_BYTES_MAX) throw new GrammarError('the answer has no length that a plan has');
  if (feature >= LOCAL_DP_FEATURE_COUNT_MAX || offset <= feature) throw new GrammarError('the feature is out of range');
  const ones = Array.from({ length: answer.length * 8 }, (_, cell) => cell).filter(
    (cell) => (((answer[cell >> 3] as number) >> (cell & 7)) & 1) === 1,
  );
  const cells = Uint32Array.from([feature, ...ones.map((cell) => offset + cell)]);
  const counts = new Uint32Array(cells.length).fill(1);
  return {
    modelVersion,
    windows: [{ report: 'noised', id, plan, hour: day * DAY_HOURS, arm: 'stable', segment: 0, runs: 1, cells, counts }],
  };
}

function writeU16(writer: ByteWriter, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff) throw new RangeError('the number does not fit into two bytes');
  writer.u8(value & 0xff);
  writer.u8(value >> 8);
}

function readU16(reader: ByteReader): number {
  const low = reader.u8();
  return low + 256 * reader.u8();
}
