/**
 * Rows: an application's object of named values, copied without anything that cannot travel.
 *
 * Not here: which columns there are, and what their values become (processing/row.ts).
 */
import { SdkError } from '../../protocol/errors.ts';
import type { ManifestInput } from '../../protocol/manifest/manifest.ts';
import type { RowWire } from '../../protocol/worker/media.ts';

const VALUES: ReadonlySet<string> = new Set(['number', 'bigint', 'string', 'boolean', 'undefined']);

/** @throws {SdkError} `preprocess-failed` */
export function readyRow(input: ManifestInput, row: unknown): RowWire {
  const isRow = typeof row === 'object' && row !== null && !Array.isArray(row) && !ArrayBuffer.isView(row);
  const entries = isRow ? Object.entries(row) : null;
  if (entries === null || entries.some(([, value]) => value !== null && !VALUES.has(typeof value))) {
    const reason = 'it must be an object of column names with numbers, texts, booleans or null';
    throw new SdkError('preprocess-failed', { input: input.name, reason });
  }
  return Object.fromEntries(entries);
}
