/**
 * External data of a plain .onnx file: the files of weights that its graph names, found next to it.
 *
 * Why: exporters write weights into a file of their own as soon as they are large, and some always do; such a graph cannot be run alone.
 *
 * Invariants
 *  - Only files in the graph's own folder, or below it, are asked for, and no more than EXTERNAL_FILE_COUNT_MAX.
 *  - What cannot be had is an error that names the file and says how to hand it over.
 *
 * Not here: what a manifest names (worker/source/model-source.ts).
 */
import { externalLocations, partsWithin } from '../../onnx/external-location.ts';
import { isSdkError, SdkError } from '../../protocol/errors.ts';
import { EXTERNAL_FILE_COUNT_MAX, MODEL_BYTES_MAX, NAME_LENGTH_MAX } from '../../protocol/limits.ts';
import type { NamedBytes } from '../../protocol/worker/loading.ts';
import { tellingQuery } from '../../protocol/worker/model-address.ts';
import { askForValidator, printable } from '../download/download.ts';
import { type DownloadHooks, fetchPlain } from '../download/fetch-files.ts';
import type { ModelAddress } from './model-address.ts';

interface ExternalFile {
  /** As the graph names it. */
  readonly path: string;
  readonly data: Uint8Array<ArrayBuffer>;
  readonly validator: string | null;
}

/** A plain file as it was fetched. */
export interface FetchedPlain {
  readonly graph: Uint8Array<ArrayBuffer>;
  readonly external: readonly ExternalFile[];
  /** Of all of its files together; null when the server does not tell one of them. */
  readonly validator: string | null;
}

/** Statuses that say that there is no such file. */
const MISSING: readonly number[] = [404, 410];

type Moved = (loadedBytes: number, totalBytes: number) => void;

/** The graph, then what it names. @throws {SdkError} what a download throws, `model-not-onnx`, `model-too-large`. */
export async function fetchPlainModel(
  address: ModelAddress,
  hooks: DownloadHooks,
  isUrgent: boolean,
  moved: Moved,
  httpCache: RequestCache,
): Promise<FetchedPlain> {
  const { url } = address;
  const { bytes: graph, validator } = await fetchPlain(url, hooks, isUrgent, moved, httpCache);
  const external: ExternalFile[] = [];
  let loadedBytes = graph.length;
  const paths = externalLocations(graph);
  for (const path of paths) {
    const fileUrl = urlBeside(address, path, paths.length);
    const movedOn: Moved = (loaded, total) => moved(loadedBytes + loaded, loadedBytes + total);
    const file = await fetchPlain(fileUrl, hooks, isUrgent, movedOn, httpCache).catch((error) => {
      const isMissing = isSdkError(error, 'model-unreachable') && MISSING.includes(error.details.status);
      throw isMissing ? weightsApart(printable(url), paths, `"${path}" is not beside it`, error) : error;
    });
    loadedBytes += file.bytes.length;
    if (loadedBytes > MODEL_BYTES_MAX)
      throw new SdkError('model-too-large', { url: printable(url), bytes: loadedBytes, bytesMax: MODEL_BYTES_MAX });
    external.push({ path, data: file.bytes, validator: file.validator });
  }
  return { graph, external, validator: together([validator, ...external.map((file) => file.validator)]) };
}

/** Of a graph that was handed over as bytes: what it names, among the files that came with it. @throws {SdkError} `model-not-onnx`, `model-too-large` */
export async function givenBeside(
  name: string,
  graph: Uint8Array,
  given: readonly NamedBytes[],
): Promise<{ readonly path: string; readonly data: Uint8Array<ArrayBuffer> }[]> {
  const paths = externalLocations(graph);
  const external: { path: string; data: Uint8Array<ArrayBuffer> }[] = [];
  let bytes = graph.length;
  for (const path of paths) {
    const file = fileNamed(path, paths, given);
    if (file === undefined) {
      const why = given.length === 0 ? 'a file that is handed over by itself has none beside it' : `"${path}" did not come with it`;
      throw weightsApart(name, paths, why);
    }
    bytes += 'size' in file ? file.size : file.length;
    if (bytes > MODEL_BYTES_MAX) throw new SdkError('model-too-large', { url: name, bytes, bytesMax: MODEL_BYTES_MAX });
    try {
      external.push({ path, data: 'size' in file ? new Uint8Array(await file.arrayBuffer()) : (file as Uint8Array<ArrayBuffer>) });
    } catch (error) {
      throw weightsApart(name, paths, `"${path}" cannot be read: it was moved, changed or locked`, error);
    }
  }
  return external;
}

/** By its path, or by the last part of that: a person's files have lost their folders. Two of one name cannot be told apart then. */
function fileNamed(path: string, paths: readonly string[], given: readonly NamedBytes[]): NamedBytes['bytes'] | undefined {
  const last = (one: string) => partsWithin(one)?.at(-1);
  const isTold = last(path) !== undefined && paths.filter((other) => last(other) === last(path)).length === 1;
  return (given.find((file) => file.name === path) ?? (isTold ? given.find((file) => file.name === last(path)) : undefined))?.bytes;
}

/** What the server says of the version of all files now; null when it does not tell one. */
export async function askForPlainValidator(
  address: ModelAddress,
  external: readonly { readonly path: string }[],
  { access, signal }: Pick<DownloadHooks, 'access' | 'signal'>,
): Promise<string | null> {
  const urls = [address.url, ...external.map(({ path }, index) => urlBeside(address, path, index))];
  return together(await Promise.all(urls.map((each) => askForValidator(each, access, signal))));
}

function together(validators: readonly (string | null)[]): string | null {
  return validators.includes(null) ? null : validators.join('\n');
}

/**
 * Of the same model where the query says which, and of the same day where it says which: yesterday's weights may lie in the HTTP cache.
 *
 * @param count Files that the graph names.
 * @throws {SdkError} `model-not-onnx`
 */
function urlBeside({ url, ignoreQuery }: ModelAddress, path: string, count: number): string {
  const parts = partsWithin(path);
  if (parts === null) throw weightsApart(printable(url), [path], 'that is not a file in its own folder');
  if (count > EXTERNAL_FILE_COUNT_MAX) throw weightsApart(printable(url), [path], `those are ${count} files`);
  if (!/^https?:/.test(url)) throw weightsApart(printable(url), [path], 'nothing lies beside such an address');
  const beside = new URL(parts.map(encodeURIComponent).join('/'), url);
  beside.search = tellingQuery(new URL(url), ignoreQuery);
  return beside.href;
}

function weightsApart(name: string, paths: readonly string[], why: string, cause?: unknown): SdkError {
  const [first = ''] = paths;
  const others = paths.length === 1 ? '' : ` and ${paths.length - 1} more`;
  const places = `"${first.slice(0, NAME_LENGTH_MAX)}"${others}`;
  const cure =
    'load it by its address with those files beside it, hand them over with it, or pack it into a folder that names them: insitu pack FILE.onnx';
  return new SdkError(
    'model-not-onnx',
    { url: name, reason: `it keeps weights in other files (${places}), and ${why}; ${cure}` },
    { cause },
  );
}
