/**
 * Two models told apart by their query shared one key: what the first had stored ran as the second.
 *
 * Method: a key must tell two addresses apart exactly when a server could, unless the application says that it does not.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { modelKey, printableAddress } from '../../protocol/worker/model-address.ts';

const key = (url: string, ignored: readonly string[] = []) => modelKey(new URL(url), ignored);
const WORD = fc.string({ unit: fc.constantFrom('a', 'B', '0', '-', 'é', '/', ' ', '%', '&', '=', '+'), minLength: 1, maxLength: 6 });
const PARAMETERS = fc.array(fc.tuple(WORD, WORD), { maxLength: 4 });
const urlOf = (parameters: readonly (readonly [string, string])[]) =>
  `https://a.example/m/model.json${parameters.length === 0 ? '' : `?${parameters.map((each) => each.map(encodeURIComponent).join('=')).join('&')}`}`;

test('two queries have one key exactly when they say the same', async () => {
  await fc.assert(
    fc.asyncProperty(PARAMETERS, PARAMETERS, async (one, other) => {
      expect((await key(urlOf(one))) === (await key(urlOf(other)))).toBe(JSON.stringify(one) === JSON.stringify(other));
    }),
  );
});

test('what the application names tells no two addresses apart, wherever it stands, and all else does', async () => {
  await fc.assert(
    fc.asyncProperty(PARAMETERS, WORD, WORD, fc.nat(4), async (parameters, name, value, at) => {
      const others = parameters.filter(([other]) => other !== name);
      const signed = [...others.slice(0, at), [name, value] as [string, string], ...others.slice(at)];
      expect(await key(urlOf(signed), [name])).toBe(await key(urlOf(others)));
      expect(await key(urlOf(signed))).not.toBe(await key(urlOf(others)));
    }),
  );
});

test('nothing of a query, a hash or credentials is in a key or in what is told', async () => {
  await fc.assert(
    fc.asyncProperty(fc.stringMatching(/^[a-f0-9]{24}$/), async (secret) => {
      const url = new URL(`https://user:${secret}@a.example/model.json?sig=${secret}#${secret}`);
      expect((await modelKey(url, [])) + printableAddress(url)).not.toContain(secret);
      const inline = new URL(`data:application/json,${secret}`);
      expect(printableAddress(inline)).toBe('the data: address');
    }),
  );
});

test('a key is its own key, so that what the list says can be handed back', async () => {
  await fc.assert(
    fc.asyncProperty(PARAMETERS, async (parameters) => {
      const once = await key(urlOf(parameters));
      expect(await key(once)).toBe(once);
      expect(await key(once, ['insitu-query'])).toBe(once);
    }),
  );
});

test('an address has one key however it is written', async () => {
  const plain = await key('https://a.example/m%20x/~model.json');
  expect(plain).toBe('https://a.example/m%20x/~model.json');
  for (const same of [
    'HTTPS://A.Example:443/m%20x/%7Emodel.json',
    'https://a.example/m x/%7emodel.json?',
    'https://a.example/m%20x/y/../~model%2Ejson#v2',
    'https://a.example/m%20x/~model.json?&&',
  ])
    expect(await key(same)).toBe(plain);
  for (const other of [
    'http://a.example/m%20x/~model.json',
    'https://a.example:8443/m%20x/~model.json',
    'https://a.example/M%20x/~model.json',
  ])
    expect(await key(other)).not.toBe(plain);
  expect(await key('https://a.example/m/')).not.toBe(await key('https://a.example/m'));
  expect(await key('https://a.example/a%2Fb')).not.toBe(await key('https://a.example/a/b'));
  expect(await key('https://a.example/m?q=%c3%a9')).toBe(await key('https://a.example/m?q=é'));
});
