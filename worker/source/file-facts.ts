/**
 * What is known of a plain file once its bytes are there: name, hash, chunks.
 */

import { sha256Hex } from '../../protocol/digest.ts';
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts';
import type { ManifestVariant } from '../../protocol/manifest/manifest.ts';
import type { Chunk } from '../store/model-store.ts';

export interface FileFacts {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly chunks: ManifestVariant['chunks'];
}

/** Name, length, hash and chunk list of a file that has no manifest. */
export async function fileFacts(urlOrName: string, bytes: Uint8Array<ArrayBuffer>): Promise<FileFacts> {
  const chunks: Chunk[] = [];
  for (let offset = 0; offset < bytes.length; offset += CHUNK_BYTES_MAX) {
    const piece = bytes.subarray(offset, offset + CHUNK_BYTES_MAX);
    chunks.push({ sha256: await sha256Hex(piece), bytes: piece.length });
  }
  return { name: plainName(urlOrName), bytes: bytes.length, sha256: await sha256Hex(bytes), chunks };
}

export function plainName(urlOrName: string): string {
  return urlOrName.split(/[?#]/, 1)[0]?.split('/').pop()?.slice(0, 128) || 'model.onnx';
}
