/**
 * What a file that is not ONNX most likely is, from its first bytes, so that the error says what to do.
 *
 * Why: the runtime answers "protobuf parsing failed" to all of these, and they are what people meet in practice.
 *
 * Not here: proof that a file is ONNX. A protobuf has no signature; only the runtime can tell.
 */

const SIGNATURES: readonly { readonly starts: string; readonly reason: string }[] = [
  { starts: 'version https://git-lfs', reason: 'it is a Git LFS pointer; publish the file that it points to' },
  { starts: '<', reason: 'it is a web page or XML; check the address' },
  { starts: '{', reason: 'it is JSON; a manifest is loaded by an address that does not end in .onnx' },
  { starts: 'PK\u0003\u0004', reason: 'it is a zip archive; unpack it' },
  { starts: '\u001f\u008b', reason: 'it is gzipped; unpack it or serve it with Content-Encoding: gzip' },
  { starts: '\u0089HDF', reason: 'it is a Keras HDF5 model; export it to ONNX' },
  { starts: '\u0080\u0002', reason: 'it is a Python pickle; export the model to ONNX' },
];

/** The first letters, without the blanks and the byte-order mark that a text may begin with. No ONNX file begins with one of these. */
function headOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes.subarray(0, 512))
    .replace(/^\u00ef\u00bb\u00bf/, '')
    .trimStart();
}

/** What a file is whose address does not tell: JSON is a manifest. No ONNX file begins with a brace: ModelProto has no such field. */
export function isManifestLike(bytes: Uint8Array): boolean {
  return headOf(bytes).startsWith('{');
}

export function isPageLike(bytes: Uint8Array): boolean {
  return headOf(bytes).startsWith('<');
}

/** The reason, or null when nothing speaks against trying. */
export function notOnnxReason(bytes: Uint8Array): string | null {
  if (bytes.length === 0) return 'it is empty';
  const head = headOf(bytes);
  if (String.fromCharCode(...bytes.subarray(4, 8)) === 'TFL3') return 'it is a TensorFlow Lite model; export it to ONNX';
  return SIGNATURES.find(({ starts }) => head.startsWith(starts))?.reason ?? null;
}
