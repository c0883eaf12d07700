/**
 * External locations: the files of weights that a graph names, as paths that stay inside its folder.
 *
 * Why so strict: a graph may come from anybody, and what it names is fetched with the page's credentials, or read from an owner's disk.
 *
 * Source: onnx.proto3, `external_data` ("location: file path relative to the filesystem directory where the ONNX protobuf model was stored").
 */
import { NAME_LENGTH_MAX } from '../protocol/limits.ts';
import { readOnnxModel } from './model-reader.ts';
import { OnnxFormatError } from './wire-format.ts';

/** Files that the graph's tensors lie in; none of bytes that cannot be read here, of which the runtime has the last word. */
export function externalLocations(graph: Uint8Array): readonly string[] {
  try {
    return readOnnxModel(graph).externalLocations;
  } catch (error) {
    if (error instanceof OnnxFormatError) return [];
    throw error;
  }
}

/** The folders and the file of a location; null when it leaves the graph's folder, or is no path of this kind. */
export function partsWithin(location: string): readonly string[] | null {
  const parts = location.split('/').filter((part) => part !== '.');
  const isWithin = parts.length > 0 && !parts.some((part) => part === '' || part === '..' || part.includes('\\') || part.includes('\0'));
  return isWithin && location.length <= NAME_LENGTH_MAX ? parts : null;
}
