/**
 * What is known of a plain file once its bytes are there: name, hash, chunks.
 */

import { sha256Hex } from '../../protocol/digest.ts';
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts';
import type { ManifestVariant } from '../../protocol/manifest/manifest.ts';
import type { Chunk } from '../store/store-database.ts';

export interface FileFacts {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly chunks: ManifestVariant['chunks'];
  /** Files of weights beside it, by the path that the graph names them by. */
  readonly external: readonly (Omit<FileFacts, 'external'> & { readonly path: string })[];
}

/** Name, length, hash and chunk list of a file that has no manifest, and of those beside it. */
export async function fileFacts(
  urlOrName: string,
  bytes: Uint8Array<ArrayBuffer>,
  external: readonly { readonly path: string; readonly data: Uint8Array<ArrayBuffer> }[] = [],
): Promise<FileFacts> {
  const beside: FileFacts['external'][number][] = [];
  for (const { path, data } of external) beside.push({ path, ...(await factsOf(path, data)) });
  return { ...(await factsOf(plainName(urlOrName), bytes)), external: beside };
}

async function factsOf(name: string, bytes: Uint8Array<ArrayBuffer>): Promise<Omit<FileFacts, 'external'>> {
  const chunks: Chunk[] = [];
  for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES_MAX) {
    const piece = bytes.subarray(offset, offset + CHUNK_BYTES_MAX);
    chunks.push({ sha256: await sha256Hex(piece), bytes: piece.length });
  }
  return { name, bytes: bytes.length, sha256: await sha256Hex(bytes), chunks };
}

export function plainName(urlOrName: string): string {
  return urlOrName.split(/[?#]/, 1)[0]?.split('/').pop()?.slice(0, 128) || 'model.onnx';
}
