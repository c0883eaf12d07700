/**
 * Mail: one message over SMTP.
 *
 * Why a package: SMTP, TLS, headers and encodings are others' work that is kept well. It is an optional peer, loaded when a target asks.
 *
 * Invariants
 *  - A message's id follows from the delivery's: a mail that is sent again after a lost answer is the same one to whoever sorts by it.
 *  - It reads no file and no address. Nothing but our own text is in it.
 *  - With a password, or to another machine, nothing is sent over a connection that is not encrypted, unless the owner says so.
 */
import { DELIVERY_TIMEOUT_MS } from '../../protocol/alarm-limits.ts';
import { IDEMPOTENCY_KEY, type Notification } from '../../protocol/read/notification.ts';
import { failed, type Outcome } from './attempt.ts';
import { minuteText, movedLines, plainName } from './sentences.ts';
import type { SmtpTarget } from './targets.ts';

declare const __NODEMAILER__: string;

/** @param signal Aborted when the collector stops. */
export async function sendMail(target: SmtpTarget, id: string, content: Notification, signal: AbortSignal): Promise<Outcome> {
  const { createTransport } = await import('nodemailer').catch(() => ({ createTransport: null }));
  if (createTransport === null) {
    return failed(`Mail needs a package that is not installed. Run npm install nodemailer@${__NODEMAILER__} beside insitu.`);
  }
  const { protocol, hostname, port } = new URL(target.url);
  const isTls = protocol === 'smtps:';
  const transport = createTransport({
    ...{ host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? (isTls ? 465 : 587) : Number(port), secure: isTls },
    ...{ requireTLS: target.requireTls && !isTls, disableFileAccess: true, disableUrlAccess: true },
    ...(target.user === null ? {} : { auth: { user: target.user, pass: target.password ?? '' } }),
    ...{ connectionTimeout: DELIVERY_TIMEOUT_MS, greetingTimeout: DELIVERY_TIMEOUT_MS, socketTimeout: DELIVERY_TIMEOUT_MS },
  });
  let stop: () => void = () => undefined;
  const stopped = new Promise<'stopped'>((resolve) => {
    stop = () => resolve('stopped');
  });
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  try {
    const sent = transport.sendMail(messageOf(target, id, content));
    sent.catch(() => undefined);
    return (await Promise.race([sent, stopped])) === 'stopped' ? failed('The collector was stopped meanwhile.') : { ok: true };
  } catch (error) {
    return failed(mailReason(error));
  } finally {
    signal.removeEventListener('abort', stop);
    transport.close();
  }
}

function messageOf({ from, to }: SmtpTarget, id: string, content: Notification) {
  const { sentence, incident, model } = content;
  const lines = [
    ...[sentence, '', ...movedLines(incident).map((line) => `- ${line}`), ''],
    ...[`Model version ${model.modelVersion}, incident ${incident.id}, opened ${minuteText(incident.openedAtMs)}.`],
  ];
  const references = `<${incident.id}@insitu>`;
  return {
    ...{ from, to: [...to], subject: `[insitu] ${plainName(sentence)}`, text: `${lines.join('\n')}\n` },
    // Mails of one incident are one thread.
    ...{ messageId: `<${id}@insitu>`, references, inReplyTo: references, date: new Date(content.atMs) },
    headers: { [IDEMPOTENCY_KEY]: id, 'Auto-Submitted': 'auto-generated' },
  };
}

function mailReason(error: unknown): string {
  const { code, responseCode } = error as { code?: unknown; responseCode?: unknown };
  const said = [responseCode, code].filter((part) => typeof part === 'number' || typeof part === 'string').join(', ');
  return `The mail server did not take it (${said === '' ? 'no reason is known' : said}).`;
}
