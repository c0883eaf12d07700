/**
 * Packing of a bench model: the plain file, its manifest and one golden.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createNodeSession } from '../../cli/node-session.ts';
import { CHUNK_BYTES_MAX } from '../../protocol/limits.ts';
import type { Feeds, TensorWire } from '../../protocol/messages.ts';

export async function packInto(folder: string, name: string, bytes: Uint8Array<ArrayBuffer>, feeds: Feeds): Promise<void> {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}model.onnx`, bytes);
  const outputs = await (await createNodeSession(bytes))(feeds);
  const sha256 = (piece: Uint8Array) => createHash('sha256').update(piece).digest('hex');
  const chunks = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES_MAX) {
    const piece = bytes.subarray(at, at + CHUNK_BYTES_MAX);
    chunks.push({ sha256: sha256(piece), bytes: piece.length });
  }
  const golden = (tensors: Feeds) =>
    Object.fromEntries(
      Object.entries(tensors).map(([key, { dims, data }]) => [key, { dims, data: Array.from(data as Float32Array, Number) }]),
    );
  const value = ([key, { type, dims }]: [string, TensorWire]) => ({ name: key, type, dims, kind: 'opaque' });
  const manifest = {
    schema: 1,
    name,
    version: '1.0.0',
    licence: 'Apache-2.0',
    variants: [
      {
        id: name.endsWith('fp32') ? 'fp32' : 'int8',
        quantization: name.endsWith('fp32') ? 'fp32' : 'int8',
        file: 'model.onnx',
        bytes: bytes.length,
        sha256: sha256(bytes),
        chunks,
        providers: ['wasm'],
        tolerance: 1,
      },
    ],
    inputs: Object.entries(feeds).map(value),
    outputs: Object.entries(outputs).map(value),
    golden: [{ inputs: golden(feeds), outputs: golden(outputs) }],
  };
  writeFileSync(`${folder}model.json`, JSON.stringify(manifest));
}
