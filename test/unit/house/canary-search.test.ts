/**
 * The canary search finds what it must and nothing else.
 *
 * Goal: a search that finds nothing in our traffic proves something. Method: every encoding that the search knows, written
 * here by other means than in the search, planted in noise at every alignment.
 */
import { createHash } from 'node:crypto';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { floatTriple, imageWithExif, plainText, plantedCanaries, richText } from '../../harness/canaries.ts';
import { CanarySearch } from '../../harness/canary-search.ts';

const TEXTS = { rich: richText(1), plain: plainText(2) };
const FLOATS = floatTriple(3);
const search = new CanarySearch([
  { name: 'rich', text: TEXTS.rich },
  { name: 'plain', text: TEXTS.plain },
  { name: 'floats', floats: FLOATS },
  { name: 'integer', integer: 712_345_678 },
]);

/** xorshift32: noise that is the same in every run. */
function noise(byteCount: number, seed = 1): Buffer {
  const bytes = Buffer.alloc(byteCount);
  let state = seed;
  for (let at = 0; at < byteCount; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes[at] = state & 0xff;
  }
  return bytes;
}

function found(bytes: Uint8Array): string[] {
  return [...new Set(search.search([{ where: 'noise', bytes }]).map(({ canary }) => canary))];
}

const inNoise = (bytes: Buffer) => Buffer.concat([noise(997, 5), bytes, noise(1003, 7)]);
const base64 = (bytes: Buffer) => Buffer.from(bytes.toString('base64'));

const OF_TEXT: Record<string, (text: string) => Buffer> = {
  'raw UTF-8': (text) => Buffer.from(text),
  'UTF-16 LE': (text) => Buffer.from(text, 'utf16le'),
  'UTF-16 BE': (text) => Buffer.from(text, 'utf16le').swap16(),
  'hex, lower case': (text) => Buffer.from(Buffer.from(text).toString('hex')),
  'hex, upper case': (text) => Buffer.from(Buffer.from(text).toString('hex').toUpperCase()),
  'base64, first alignment': (text) => base64(Buffer.from(text)),
  'base64, second alignment': (text) => base64(Buffer.from(`?${text}`)),
  'base64, third alignment': (text) => base64(Buffer.from(`??${text}`)),
  base64url: (text) => Buffer.from(Buffer.from(`ÿÿ${text}`).toString('base64url')),
  'base64 of UTF-16': (text) => base64(Buffer.from(`?${text}`, 'utf16le')),
  'percent, only where needed': (text) => Buffer.from(encodeURIComponent(text)),
  'percent, every byte': (text) => Buffer.from(Buffer.from(text).toString('hex').replace(/../g, '%$&')),
  'a form field': (text) => Buffer.from(new URLSearchParams({ field: text }).toString()),
  'a URL query': (text) => Buffer.from(new URL(`https://a.example/?${text}`).search),
  JSON: (text) => Buffer.from(JSON.stringify({ text })),
  'JSON in JSON in hex': (text) => Buffer.from(Buffer.from(JSON.stringify(text)).toString('hex')),
  reversed: (text) => Buffer.from([...text].reverse().join('')),
  'lower case': (text) => Buffer.from(text.toLowerCase()),
  'upper case': (text) => Buffer.from(text.toUpperCase()),
  'SHA-256': (text) => createHash('sha256').update(text).digest(),
  'SHA-256, cut, hex': (text) => Buffer.from(createHash('sha256').update(text).digest('hex').slice(0, 16)),
  'SHA-1, base64': (text) => base64(createHash('sha1').update(text).digest()),
  'MD5, hex': (text) => Buffer.from(createHash('md5').update(text).digest('hex')),
  gzip: (text) => gzipSync(text),
  zlib: (text) => deflateSync(text),
  'gzip in base64': (text) => base64(gzipSync(`${text}${text}`)),
  'gzip in gzip': (text) => gzipSync(gzipSync(text)),
};

const numbers = (write: (buffer: Buffer, value: number, at: number) => void, size: number) => {
  const buffer = Buffer.alloc(size * FLOATS.length);
  FLOATS.forEach((value, index) => {
    write(buffer, value, index * size);
  });
  return buffer;
};
const OF_FLOATS: Record<string, Buffer> = {
  'float32 LE': numbers((buffer, value, at) => buffer.writeFloatLE(value, at), 4),
  'float32 BE': numbers((buffer, value, at) => buffer.writeFloatBE(value, at), 4),
  'float64 LE': numbers((buffer, value, at) => buffer.writeDoubleLE(Math.fround(value), at), 8),
  'float64 BE': numbers((buffer, value, at) => buffer.writeDoubleBE(Math.fround(value), at), 8),
  'one float64 alone': numbers((buffer, value, at) => buffer.writeDoubleLE(Math.fround(value), at), 8).subarray(8, 16),
  'decimal text': Buffer.from(Float32Array.from(FLOATS).join(', ')),
  'decimal text of seven digits': Buffer.from(FLOATS[1].toFixed(6)),
  'the given decimals': Buffer.from(JSON.stringify(FLOATS)),
  'float32 in base64': base64(Buffer.concat([Buffer.alloc(1), Buffer.from(Float32Array.from(FLOATS).buffer)])),
  'float32 in hex': Buffer.from(Buffer.from(Float32Array.from(FLOATS).buffer).toString('hex')),
  'SHA-256 of the bytes': createHash('sha256')
    .update(Buffer.from(Float32Array.from(FLOATS).buffer))
    .digest(),
  'deflate of a tensor': deflateSync(Buffer.from(Float32Array.of(0, ...FLOATS, 0).buffer)),
};

test.each(Object.keys(OF_TEXT))('a text is found in noise as %s', (encoding) => {
  const encode = OF_TEXT[encoding] as (text: string) => Buffer;
  for (const [name, text] of Object.entries(TEXTS)) expect(found(inNoise(encode(text))), name).toEqual([name]);
});

test.each(Object.keys(OF_FLOATS))('a float triple is found in noise as %s', (encoding) => {
  expect(found(inNoise(OF_FLOATS[encoding] as Buffer))).toEqual(['floats']);
});

test('an integer is found as text and as 64 bits of either order', () => {
  const bits = Buffer.from(BigInt64Array.of(712_345_678n).buffer);
  for (const bytes of [Buffer.from('idx=712345678 must'), bits, Buffer.from(bits).reverse()])
    expect(found(inNoise(bytes))).toEqual(['integer']);
});

test('six bytes of a text are enough, wherever they are cut out and however they are written', () => {
  for (const [name, text] of Object.entries(TEXTS)) {
    const bytes = Buffer.from(text);
    for (let at = 0; at + 6 <= bytes.length; at++) {
      const part = bytes.subarray(at, at + 6);
      expect(found(inNoise(part)), `${name} at ${at}`).toEqual([name]);
      expect(found(inNoise(Buffer.from(part.toString('hex')))), `${name} in hex at ${at}`).toEqual([name]);
      for (const before of ['', '.', '..']) {
        const wrapped = base64(Buffer.concat([Buffer.from(before), part, Buffer.from('...')]));
        expect(found(inNoise(wrapped)), `${name} in base64 at ${at}`).toEqual([name]);
      }
    }
  }
});

test('a body that is brotli, deflate or gzip as a whole is searched as what it decompresses to', () => {
  const text = JSON.stringify({ noise: noise(400, 11).toString('base64'), text: TEXTS.rich });
  for (const pack of [brotliCompressSync, deflateRawSync, deflateSync, gzipSync]) expect(found(pack(text))).toEqual(['rich']);
});

test('a text in the EXIF of a JPEG is found', async () => {
  expect(found(await imageWithExif(TEXTS.plain))).toEqual(['plain']);
});

test('10 MB of random bytes, raw and as base64 and hex, raise no alarm for all canaries of a hunt', () => {
  const hunt = new CanarySearch(plantedCanaries(1).all);
  const bytes = noise(10_000_000, 13);
  const captured = [
    bytes,
    Buffer.from(bytes.subarray(0, 2_000_000).toString('base64')),
    Buffer.from(bytes.subarray(0, 1_000_000).toString('hex')),
  ];
  expect(hunt.search(captured.map((part) => ({ where: 'noise', bytes: part })))).toEqual([]);
  expect(hunt.searchedBytes).toBeGreaterThanOrEqual(10_000_000);
}, 60_000);
