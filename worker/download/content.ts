/**
 * Content: what a file is, by its first bytes. Neither the end of an address nor a server's content type tells.
 *
 * Source: the ONNX ModelProto, whose serialisation begins with the tag of one of its fields (onnx.proto); ORT's own format, a FlatBuffer with
 * "ORTM" at byte 4; RFC 8259, by which JSON begins with one of four blanks or the text itself.
 */

/** `unknown`: an ONNX file, as far as anybody knows. The runtime reads it or says that it cannot. */
export type Content = 'manifest' | 'page' | 'unknown';

export const PAGE_REASON = 'the server answered with a web page, which many servers do for a path that does not exist';

/** No model begins with a blank, a brace or a bracket: these would be fields that a ModelProto does not have. */
export function contentOf(bytes: Uint8Array): Content {
  const head = new TextDecoder().decode(bytes.subarray(0, 512)).trimStart();
  return head.startsWith('{') ? 'manifest' : head.startsWith('<') ? 'page' : 'unknown';
}
