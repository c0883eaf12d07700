/**
 * What is a manifest, as every program reads it, and what it is called.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sha256Hex, shortSha256Hex } from '../../../protocol/digest.ts';
import { MANIFEST_BYTES_MAX } from '../../../protocol/limits.ts';
import { modelVersionOf, readManifest } from '../../../protocol/manifest/served-manifest.ts';

const digits = readFileSync(new URL('../../../models/digits/model.json', import.meta.url));

test('text and bytes have the digest that Node has for them', async () => {
  for (const text of ['', 'abc', 'grüße \u{1f980}\ufeff']) {
    const expected = createHash('sha256').update(text, 'utf8').digest('hex');
    expect(await sha256Hex(text)).toBe(expected);
    expect(await sha256Hex(Buffer.from(text))).toBe(expected);
    expect(await shortSha256Hex(text)).toBe(expected.slice(0, 16));
  }
});

test('a manifest is the same from its bytes and from its text, and so is its version', async () => {
  const [fromBytes, fromText] = [readManifest(digits), readManifest(digits.toString('utf8'))];
  expect(fromBytes).toMatchObject({ ok: true, manifest: { name: 'digits' }, text: digits.toString('utf8') });
  expect(fromText).toEqual(fromBytes);
  expect(await modelVersionOf(digits)).toBe(await modelVersionOf(digits.toString('utf8')));
});

const REFUSED: readonly { readonly what: string; readonly served: string | Uint8Array; readonly reason: RegExp }[] = [
  { what: 'nothing', served: '', reason: /^it is not JSON$/ },
  { what: 'half of it', served: digits.toString('utf8').slice(0, 100), reason: /^it is not JSON$/ },
  { what: 'a web page', served: '\n<!doctype html>', reason: /^it is a web page and not JSON$/ },
  { what: 'a web page in bytes', served: Buffer.from('<html>'), reason: /^it is a web page and not JSON$/ },
  { what: 'Latin-1', served: Buffer.from('{"description":"Grüße"}', 'latin1'), reason: /^it is not text in UTF-8$/ },
  { what: 'two byte-order marks', served: `\ufeff\ufeff${digits}`, reason: /^it is not JSON$/ },
  { what: 'another schema', served: '{"schema":2}', reason: /^schema: expected / },
  { what: 'one byte too many', served: ' '.repeat(MANIFEST_BYTES_MAX + 1), reason: /^it has more than \d+ bytes$/ },
];

for (const { what, served, reason } of REFUSED) {
  test(`${what} is no manifest, and the reason says why`, () => {
    expect(readManifest(served)).toEqual({ ok: false, reason: expect.stringMatching(reason) });
  });
}

test(`a manifest of ${MANIFEST_BYTES_MAX} bytes is read`, () => {
  const padding = ' '.repeat(MANIFEST_BYTES_MAX - digits.length);
  expect(readManifest(digits.toString('utf8') + padding)).toMatchObject({ ok: true });
});
