/**
 * Published models of any size: a chain of matrix products whose weights lie in a file of their own, cut into chunks, with the
 * manifest that names them, on a static server.
 *
 * Why made here: what is counted is bytes, so their number and where versions differ must be exact.
 */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { onnxModel } from './onnx-writer.ts';
import type { StaticServer } from './static-server.ts';

export interface PublishedShape {
  /** Rows and columns of each matrix. */
  readonly width: number;
  readonly layerCount: number;
  readonly chunkBytes: number;
}

export class PublishedModel {
  readonly shape: PublishedShape;
  readonly folder: string;
  readonly weights: Float32Array<ArrayBuffer>;
  version = '1.0.0';

  /** @param folder Path on the server, with both slashes. @param seed Models of other seeds have no chunk in common. */
  constructor(shape: PublishedShape, folder: string, seed = 1) {
    this.shape = shape;
    this.folder = folder;
    this.weights = new Float32Array(shape.width * shape.width * shape.layerCount);
    // A linear congruence is random enough for weights; the factor keeps the values of a chain near 1.
    const scale = Math.sqrt(3 / shape.width) / 2 ** 31;
    for (let index = 0, state = seed; index < this.weights.length; index++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      this.weights[index] = state * scale;
    }
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.weights.buffer);
  }

  get manifestPath(): string {
    return `${this.folder}model.json`;
  }

  get weightsPath(): string {
    return `${this.folder}weights.bin`;
  }

  /** Other weights in this part of the file, in bytes, that were never there before: a new version. */
  change(first: number, end: number): void {
    for (let index = first / 4; index < end / 4; index++) this.weights[index] = -0.999 * (this.weights[index] as number);
    this.version = `${Number.parseInt(this.version, 10) + 1}.0.0`;
  }

  manifest(): Manifest {
    const graph = this.graph();
    const tensor = { type: 'float32' as const, dims: [1, this.shape.width], kind: 'numeric' as const };
    return {
      schema: 1,
      name: 'chain',
      version: this.version,
      licence: 'none',
      variants: [
        {
          id: 'fp32',
          quantization: 'fp32',
          ...fileOf('graph.onnx', graph, this.shape.chunkBytes),
          external: [{ path: 'weights.bin', ...fileOf('weights.bin', this.bytes, this.shape.chunkBytes) }],
          providers: ['wasm'],
          optimized: true,
          tolerance: 0.01,
        },
      ],
      inputs: [{ name: 'x', ...tensor }],
      outputs: [{ name: 'y', ...tensor }],
      golden: [],
    };
  }

  /** Puts the files of the present version on the server. */
  publish(server: StaticServer): string {
    const text = JSON.stringify(this.manifest());
    server.files.set(this.manifestPath, text);
    server.files.set(`${this.folder}graph.onnx`, this.graph());
    server.files.set(this.weightsPath, this.bytes.slice());
    return text;
  }

  /** The first output for an input whose first value is 1 and whose others are 0. */
  expected(): number {
    const { width, layerCount } = this.shape;
    let row = Float64Array.from({ length: width }, (_, index) => (index === 0 ? 1 : 0));
    for (let layer = 0; layer < layerCount; layer++) {
      const next = new Float64Array(width);
      const base = layer * width * width;
      for (let from = 0; from < width; from++) {
        const value = row[from] as number;
        for (let to = 0; to < width; to++) next[to] = (next[to] as number) + value * (this.weights[base + from * width + to] as number);
      }
      row = next;
    }
    return row[0] as number;
  }

  /** Source text of a page function: loads with `options`, runs, answers the first output and what is known of the load. */
  loadSource(options = '{}', origin = ''): string {
    return `() => outcome(async () => {
      window.client ??= insitu.createClient();
      window.model = await client.load('${origin}${this.manifestPath}', ${options});
      const x = { data: new Float32Array(${this.shape.width}), dims: [1, ${this.shape.width}] };
      x.data[0] = 1;
      const { outputs } = await model.run({ x });
      return { y: outputs.y.data[0], version: model.manifest.version, fromCache: model.explain().fromCache };
    })`;
  }

  /** Holds an outcome of `loadSource` against this version. */
  expectRight(outcome: unknown, fields: object = {}): void {
    expect(outcome).toMatchObject({ ok: true, value: { version: this.version, y: expect.closeTo(this.expected(), 3), ...fields } });
  }

  private graph(): Uint8Array<ArrayBuffer> {
    const { width, layerCount } = this.shape;
    const length = 4 * width * width;
    const layers = [...Array(layerCount).keys()];
    const value = (name: string) => ({ name, dims: [1, width] });
    const names = ['x', ...layers.slice(1).map((layer) => `h${layer}`), 'y'];
    return onnxModel(
      [value('x')],
      layers.map((layer) => ({ operator: 'MatMul', inputs: [names[layer] as string, `w${layer}`], output: names[layer + 1] as string })),
      [value('y')],
      {
        weights: layers.map((layer) => ({
          name: `w${layer}`,
          dims: [width, width],
          data: null,
          external: { location: 'weights.bin', offset: layer * length, length },
        })),
      },
    );
  }
}

function fileOf(file: string, bytes: Uint8Array, chunkBytes: number) {
  const chunks = [];
  for (let offset = 0; offset < bytes.length; offset += chunkBytes) {
    const piece = bytes.subarray(offset, offset + chunkBytes);
    chunks.push({ sha256: sha256(piece), bytes: piece.length });
  }
  return { file, bytes: bytes.length, sha256: sha256(bytes), chunks };
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
