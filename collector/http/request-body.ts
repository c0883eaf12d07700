/**
 * A request's body up to a limit: one that is longer is refused before all of it was read.
 */
import type { Context } from 'hono';

export async function readBody(c: Context, bytesMax: number): Promise<Uint8Array | 'too-long' | 'cut-off'> {
  const tooLong = (): 'too-long' => {
    // The rest of the body stays unread, so this connection cannot carry another request.
    c.header('Connection', 'close');
    return 'too-long';
  };
  const declared = c.req.header('Content-Length');
  if (declared !== undefined && Number(declared) > bytesMax) return tooLong();
  try {
    if (declared !== undefined) return new Uint8Array(await c.req.arrayBuffer());
    const pieces: Uint8Array[] = [];
    let length = 0;
    for await (const piece of c.req.raw.body ?? []) {
      length += piece.length;
      if (length > bytesMax) return tooLong();
      pieces.push(piece);
    }
    return Buffer.concat(pieces);
  } catch {
    return 'cut-off';
  }
}
