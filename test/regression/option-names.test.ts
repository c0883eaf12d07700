/**
 * An option that was written otherwise (`colector`) was ignored, and reports of a collector without a scheme went to the page's own server.
 * On a server, where there is no document, creating a client threw a ReferenceError.
 */
import { expect, test } from 'vitest';
import { isSdkError } from '../../protocol/errors.ts';
import { createClient } from '../../sdk/index.ts';

function refusal(options: unknown): string {
  try {
    createClient(options as Parameters<typeof createClient>[0]);
    return '';
  } catch (error) {
    return isSdkError(error, 'invalid-option') ? error.message : `raw: ${String(error)}`;
  }
}

test('an unknown option is refused with a list of those that there are', () => {
  expect(refusal({ colector: {} })).toMatch(/known are collector, consent/);
  expect(refusal({ loglevel: 'warn' })).toMatch(/known are .*logLevel/);
  expect(refusal({ collector: { url: 'https://c.example', key: 'k', keys: 1 } })).toContain('known are url, key');
  // It may be what a person typed: not said back.
  expect(refusal({ 'anna@mail.example': 1 })).not.toContain('anna');
  expect(refusal({ colector: undefined })).toBe('');
  for (const odd of [null, 7, 'collector']) expect(refusal(odd)).toContain('it must be an object');
});

test.each([
  'insitu.example.org',
  'localhost:8080',
  'example.org:443/x',
  '',
  'ftp://c.example',
  'javascript:1',
  new URL('https://c.example'),
  {},
])('a collector at %s is refused, with what an address begins with', (url) => {
  expect(refusal({ collector: { url, key: 'k' } })).toContain('begin with https://');
});

test.each(['https://c.example', 'HTTP://localhost:8080/x/', '/insitu', './insitu', '//c.example'])('a collector at %s is one', (url) => {
  expect(refusal({ collector: { url, key: 'k' } })).toBe('');
});

test.each([{}, { assets: '/insitu/' }, { collector: { url: 'https://c.example', key: 'k' }, consent: 'granted' as const }])(
  'a server may create a client with %o; what needs a browser says so',
  async (options) => {
    const logged: string[] = [];
    const client = createClient({ ...options, logger: (_level, code) => logged.push(code), logLevel: 'debug' });
    const said = { code: 'asset-unreachable', message: expect.stringContaining('Call it in a page or a worker.') };
    await expect(client.load('/models/model.json')).rejects.toMatchObject(said);
    await expect(client.observe('/models/model.json')).rejects.toMatchObject(said);
    await expect(client.models.list()).rejects.toMatchObject(said);
    await expect(client.models.remove('http://')).rejects.toMatchObject({ code: 'invalid-option' });
    await expect(client.models.pin(7 as unknown as string)).rejects.toMatchObject({ code: 'invalid-option' });
    expect(await client.keepOffline()).toBe(false);
    await client.telemetry.grant();
    expect(client.telemetry.status().offReason).toBe('collector' in options ? 'no-document' : 'no-collector');
    await client.close();
    expect(logged).toEqual(['asset-unreachable']);
  },
);

test('a load that the close of its own client cuts off is no error in the log', async () => {
  const logged: string[] = [];
  const client = createClient({ logger: (level, code) => logged.push(`${level} ${code}`), logLevel: 'debug' });
  await client.close();
  await expect(client.load('/models/model.json')).rejects.toMatchObject({ code: 'client-closed' });
  expect(logged).toEqual(['debug client-closed']);
});
