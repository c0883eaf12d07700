/**
 * Mail, over a real SMTP server: what arrives, and what is said when it does not.
 */
import type { AddressInfo } from 'node:net';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { afterEach, expect, test } from 'vitest';
import { sendMail } from '../../../collector/notify/mail.ts';
import type { SmtpTarget } from '../../../collector/notify/targets.ts';
import type { Notification } from '../../../protocol/read/notification.ts';
import { NOW_MS } from '../../fixtures/reports.ts';
import { openIncident } from '../../fixtures/signals.ts';

let server: SMTPServer | null = null;
let mails: { readonly text: string; readonly to: readonly string[]; readonly isEncrypted: boolean; readonly user: unknown }[] = [];

async function start(options: SMTPServerOptions = {}): Promise<number> {
  mails = [];
  server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    onData(stream, session, done) {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => pieces.push(piece));
      stream.on('end', () => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        mails.push({ text: Buffer.concat(pieces).toString('utf8'), to, isEncrypted: session.secure, user: session.user });
        done();
      });
    },
    ...options,
  });
  // A client that breaks off is no failure of the test.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
  return (server.server.address() as AddressInfo).port;
}
afterEach(async () => {
  await new Promise<void>((resolve) => (server === null ? resolve() : server.close(() => resolve())));
});

const target = (port: number, changes: Partial<SmtpTarget> = {}): SmtpTarget => ({
  ...{ name: 'mail', type: 'smtp', url: `smtp://127.0.0.1:${port}`, models: null, user: null, password: null },
  ...{ from: 'insitu@example.org', to: ['a@example.org', 'b@example.org'], requireTls: false, ...changes },
});
const ID = 'c'.repeat(32);
const content: Notification = {
  ...{ type: 'incident.opened', atMs: NOW_MS, model: { name: 'digits', version: '1', modelVersion: '1'.repeat(16) } },
  ...{ incident: openIncident({}, { metric: 'naïve\r\nBcc: evil@example.org' }), sentence: 'New incident: naïve\r\nBcc: evil@example.org' },
};
const send = (to: SmtpTarget) => sendMail(to, ID, content, new AbortController().signal);

test('a mail arrives once for all recipients, with an id that follows from the delivery, and no header of a stranger', async () => {
  expect(await send(target(await start()))).toEqual({ ok: true });
  const [{ text, to } = { text: '', to: [] }] = mails;
  const [head = ''] = text.split('\r\n\r\n');
  expect([mails.length, to]).toEqual([1, ['a@example.org', 'b@example.org']]);
  expect(head).toContain(`Message-ID: <${ID}@insitu>`);
  expect(head).toContain(`In-Reply-To: <${'1'.repeat(32)}@insitu>`);
  expect(head).toMatch(/^Idempotency-Key: c{32}$/im);
  expect(head).not.toMatch(/^Bcc:/im);
});

test('a password is given to a server that asks for one', async () => {
  const port = await start({
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: ({ password }, _, done) => done(null, { user: password }),
  });
  expect(await send(target(port, { user: 'insitu', password: 'pass' }))).toEqual({ ok: true });
  expect(mails).toMatchObject([{ user: 'pass' }]);
});

test('where TLS is required nothing is sent without it, neither mail nor password', async () => {
  let isAsked = false;
  const port = await start({
    onAuth(_, __, done) {
      isAsked = true;
      done(null, { user: 'x' });
    },
    allowInsecureAuth: true,
  });
  const outcome = await send(target(port, { requireTls: true, user: 'insitu', password: 'a-very-secret-password' }));
  expect(outcome).toMatchObject({ ok: false, sentence: expect.stringMatching(/^The mail server did not take it \(.*\)\.$/) });
  expect([mails, isAsked]).toEqual([[], false]);
});

test('a refusal is a sentence with the code, and without the password', async () => {
  const port = await start({ authOptional: false, allowInsecureAuth: true, onAuth: (_, __, done) => done(new Error('no')) });
  const outcome = await send(target(port, { user: 'insitu', password: 'a-very-secret-password' }));
  expect(outcome).toEqual({ ok: false, retryAfterMs: 0, sentence: 'The mail server did not take it (535, EAUTH).' });
});

test('nobody there is a sentence', async () => {
  const port = await start();
  await new Promise<void>((resolve) => server?.close(() => resolve()));
  server = null;
  expect(await send(target(port))).toMatchObject({ ok: false, sentence: 'The mail server did not take it (ESOCKET).' });
});

test('a collector that stops does not wait for a server that says nothing', async () => {
  const port = await start({ onConnect: () => undefined });
  const stop = new AbortController();
  const sent = sendMail(target(port), ID, content, stop.signal);
  stop.abort();
  expect(await sent).toEqual({ ok: false, retryAfterMs: 0, sentence: 'The collector was stopped meanwhile.' });
});
