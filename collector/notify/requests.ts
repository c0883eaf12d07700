/**
 * Requests: what a delivery is, in the form that its receiver reads.
 *
 * Invariants
 *  - The body of one delivery is the same in every attempt; its timestamp and signature are of the attempt.
 *  - Slack's marks are escaped: a metric's name is no mention and no link.
 *  - An alert keeps its labels from its first firing to its resolving: by them Alertmanager knows it again.
 *
 * Not here: mail (mail.ts), the signature itself (protocol/read/notification.ts).
 * Source: Alertmanager API v2, POST /alerts; Slack, "Sending messages using incoming webhooks".
 */
import { ALERTMANAGER_HOLD_MS } from '../../protocol/alarm-limits.ts';
import {
  IDEMPOTENCY_KEY,
  type Notification,
  type RetrainRequest,
  signatureOf,
  WEBHOOK_ID,
  WEBHOOK_SIGNATURE,
  WEBHOOK_TIMESTAMP,
} from '../../protocol/read/notification.ts';
import type { Post } from './attempt.ts';
import { movedLines, plainName, sentenceOf } from './sentences.ts';
import type { AlertmanagerTarget, RetrainTarget, SlackTarget, WebhookTarget } from './targets.ts';

/** @param id Idempotency key. */
export async function signedPost(
  { url, secret }: WebhookTarget | RetrainTarget,
  id: string,
  content: Notification | RetrainRequest,
  nowMs: number,
): Promise<Post> {
  const [body, timestampS] = [JSON.stringify(content), Math.floor(nowMs / 1000)];
  const headers = {
    ...{ [IDEMPOTENCY_KEY]: id, [WEBHOOK_ID]: id, [WEBHOOK_TIMESTAMP]: String(timestampS) },
    [WEBHOOK_SIGNATURE]: await signatureOf(secret, id, timestampS, body),
  };
  return { url, headers, body };
}

export function slackPost({ url }: SlackTarget, id: string, { sentence, incident, type }: Notification): Post {
  const lines = type === 'incident.closed' ? [] : movedLines(incident).map((line) => `• ${line}`);
  const text = [sentence, ...lines].join('\n').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return { url, headers: { [IDEMPOTENCY_KEY]: id }, body: JSON.stringify({ text }) };
}

/** What an alert tells of an incident as it is now. @param incidents With their models. */
export function alertsPost(
  { url, labels, authorization }: AlertmanagerTarget,
  incidents: readonly Pick<Notification, 'incident' | 'model'>[],
  nowMs: number,
): Post {
  const alerts = incidents.map(({ incident, model }) => ({
    labels: {
      ...labels,
      ...{ alertname: 'InsituIncident', model: plainName(model.name), model_version: model.modelVersion, incident: incident.id },
    },
    annotations: {
      summary: sentenceOf(incident.state === 'closed' ? 'closed' : 'opened', model, incident),
      description: movedLines(incident).join('\n'),
    },
    startsAt: new Date(incident.openedAtMs).toISOString(),
    endsAt: new Date(incident.closedAtMs ?? nowMs + ALERTMANAGER_HOLD_MS).toISOString(),
  }));
  const headers: Record<string, string> = authorization === null ? {} : { Authorization: authorization };
  return { url: `${url.replace(/\/+$/, '')}/api/v2/alerts`, headers, body: JSON.stringify(alerts) };
}
