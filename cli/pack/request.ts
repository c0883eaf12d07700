/**
 * What `insitu pack` is asked for and what it makes.
 */
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import type { TextOptions } from './texts.ts';

export interface PackInput {
  /** What errors call it; also the variant's id where it has none. */
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Id of the variant. Default: its quantization, "int8" or "fp32". */
  readonly id?: string;
  /** Reads a file of weights that the graph names. Default: there is none. */
  readonly readExternal?: (location: string) => Promise<Uint8Array>;
}

export interface PackOptions extends TextOptions {
  readonly name: string;
  readonly version: string;
  readonly licence?: string;
  readonly description?: string;
  /** What a person wrote into it survives: kinds, labels, ranges, monitor, golden inputs. */
  readonly previous?: Manifest | null;
  /** Default true. */
  readonly isOptimized?: boolean;
  /** Default: 3 of a small model, 1 of a large one; 0 for none. Each is a run on every device before the first result. */
  readonly goldenCount?: number;
  /** Where files are cut. Default PACK_CHUNK_BYTES. */
  readonly chunkBytes?: number;
  /** Lengths of open axes for the samples, by axis name. */
  readonly axes?: Readonly<Record<string, number>>;
  /** How far a variant's answers may be from the reference's, as a part of the largest output. Default: the earlier manifest's, or QUALITY_LIMIT. */
  readonly qualityLimit?: number;
  /** Variants that are published although they are beyond it, by id. */
  readonly keep?: readonly string[];
  /** Told before each long step. */
  readonly onStep?: (sentence: string) => void;
}

export interface PackedModel {
  readonly manifest: Manifest;
  /** model.json, byte for byte. */
  readonly manifestJson: string;
  /** By file name, without model.json. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Sentences for whoever packs. */
  readonly notes: readonly string[];
}
