/**
 * Piecewise bytes: a file that lies in memory as the chunks that it came in, for a reader that takes parts of it.
 *
 * Why: the runtime copies each weight out of the file that it is named in, by `byteLength` and `subarray` and nothing else. Laying a stored
 * file of 67 MB together for that wrote and touched 67 MB more, on the thread that also reads it.
 *
 * Invariants
 *  - Only `byteLength`, `length` and `subarray` tell of the file; as an array it is empty.
 *  - A part within one chunk is that chunk's memory; chunks end where weights do, so that most parts are. Others are copies.
 *
 * Source: onnxruntime-web 1.30, `mountExternalData` and the loader of external weights behind it.
 */
export class PiecewiseBytes extends Uint8Array<ArrayBuffer> {
  private readonly pieces: readonly Uint8Array<ArrayBuffer>[];
  /** Where each piece begins. */
  private readonly offsets: readonly number[];

  constructor(pieces: readonly Uint8Array<ArrayBuffer>[], offsets: readonly number[], bytes: number) {
    super(new ArrayBuffer(0));
    this.pieces = pieces;
    this.offsets = offsets;
    // Accessors of the prototype's prototype: a subclass cannot declare them anew.
    Object.defineProperties(this, { byteLength: { value: bytes }, length: { value: bytes } });
  }

  override subarray(begin = 0, end = this.byteLength): Uint8Array<ArrayBuffer> {
    let index = this.offsets.findLastIndex((offset) => offset <= begin);
    const [piece, offset] = [this.pieces[index], this.offsets[index]];
    if (piece === undefined || offset === undefined) return new Uint8Array();
    if (end <= offset + piece.length) return piece.subarray(begin - offset, end - offset);
    const whole = new Uint8Array(end - begin);
    for (let at = begin; at < end; index++) {
      const [next, from] = [this.pieces[index], this.offsets[index]];
      if (next === undefined || from === undefined) break;
      const part = next.subarray(at - from, end - from);
      whole.set(part, at - begin);
      at += part.length;
    }
    return whole;
  }
}
