/**
 * Weights beside a plain .onnx file: which files they are, by what the .onnx file says.
 *
 * Why not by their endings: an exporter may call them anything (`model.onnx.data`, `model.onnx_data_1`, one file for each tensor with its
 * name), and a folder of models may hold what nobody may fetch. A file leaves the machine because a model that is served names it.
 *
 * How: a graph names its weights in an entry with the key "location" (onnx.proto3, TensorProto.external_data). Its bytes are looked for,
 * and what follows them is the name. Bytes of a weight that look the same by chance would name a file that is not there.
 *
 * Invariants
 *  - A .onnx file is read once as long as it stays as it is, in pieces, however many ask.
 *
 * Not here: whether a path may be asked for at all (static-files.ts).
 */
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { EXTERNAL_FILE_COUNT_MAX, REGISTRATION_COUNT_MAX } from '../../protocol/limits.ts';
import { openRegularFile } from '../operator/regular-file.ts';

/** key = "location", and the tag of the value that follows. */
const LOCATION = Buffer.from('\x0a\x08location\x12', 'latin1');
const PIECE_BYTES = 4 * 1024 * 1024;
/** A file's path below its model's folder; the system's own names end at 255. */
const NAME_BYTES_MAX = 1024;
/** Mark, length and name. */
const OVERLAP_BYTES = LOCATION.length + 2 + NAME_BYTES_MAX;
/** What a model's folder has of graphs: a variant each. */
const GRAPH_COUNT_MAX = 64;

interface Seen {
  /** Of the file as it was read. */
  readonly stamp: string;
  readonly names: Promise<ReadonlySet<string>>;
}

export class ExternalWeights {
  /** By path of the .onnx file. */
  private readonly seen = new Map<string, Seen>();

  /** Whether a graph in the file's folder, or in one above it up to `root`, names it. */
  async isNamed(file: string, root: string): Promise<boolean> {
    const isBelow = (folder: string) => folder === root || folder.startsWith(root + sep);
    for (let folder = dirname(file); isBelow(folder); folder = dirname(folder)) {
      const name = relative(folder, file).replaceAll(sep, '/');
      const graphs = (await readdir(folder).catch(() => [])).filter((entry) => entry.toLowerCase().endsWith('.onnx'));
      for (const graph of graphs.sort().slice(0, GRAPH_COUNT_MAX)) if ((await this.namesIn(join(folder, graph))).has(name)) return true;
    }
    return false;
  }

  private async namesIn(graph: string): Promise<ReadonlySet<string>> {
    const opened = await openRegularFile(graph).catch(() => null);
    if (opened === null || basename(graph).startsWith('.')) {
      await opened?.close();
      return new Set();
    }
    const { size, mtimeMs } = await opened.stat();
    const stamp = `${size} ${mtimeMs}`;
    const before = this.seen.get(graph);
    if (before?.stamp === stamp) {
      await opened.close();
      return before.names;
    }
    const names = locationsIn(opened).finally(() => opened.close());
    if (this.seen.size >= REGISTRATION_COUNT_MAX) this.seen.clear();
    this.seen.set(graph, { stamp, names });
    // A disk that fails is asked again.
    return names.catch(() => {
      this.seen.delete(graph);
      return new Set<string>();
    });
  }
}

async function locationsIn(opened: import('node:fs/promises').FileHandle): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const buffer = Buffer.alloc(PIECE_BYTES + OVERLAP_BYTES);
  let [keptBytes, isAtEnd] = [0, false];
  while (!isAtEnd && names.size < EXTERNAL_FILE_COUNT_MAX) {
    const { bytesRead } = await opened.read(buffer, keptBytes, PIECE_BYTES);
    isAtEnd = bytesRead === 0;
    const bytes = buffer.subarray(0, keptBytes + bytesRead);
    addLocations(bytes, names);
    keptBytes = Math.min(bytes.length, OVERLAP_BYTES);
    bytes.copy(buffer, 0, bytes.length - keptBytes);
  }
  return names;
}

function addLocations(bytes: Buffer, names: Set<string>): void {
  for (let at = bytes.indexOf(LOCATION); at >= 0; at = bytes.indexOf(LOCATION, at + 1)) {
    const [length, start] = lengthAt(bytes, at + LOCATION.length);
    const isWhole = length > 0 && length <= NAME_BYTES_MAX && start + length <= bytes.length;
    if (isWhole) names.add(bytes.toString('utf8', start, start + length).replace(/^\.\//, ''));
  }
}

/** A varint of one or two bytes, and where it ends. */
function lengthAt(bytes: Buffer, at: number): readonly [number, number] {
  const [low = 0, high = 0] = bytes.subarray(at, at + 2);
  return low < 0x80 ? [low, at + 1] : [(low & 0x7f) | (high << 7), at + 2];
}
