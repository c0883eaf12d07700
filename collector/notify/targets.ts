/**
 * Targets: where news of incidents goes, as the owner's configuration file names it. docs/incidents.md has an example of each.
 *
 * Invariants
 *  - A secret is named and not written: `{"env": NAME}` or `{"file": PATH}`. It is in no sentence, log or answer.
 *  - An address is http(s), that of a mail server smtp(s). One that holds a password is refused.
 *
 * Not here: sending (senders.ts), reading the file (collector/operator/config-file.ts).
 */
import { RETRAIN_COOL_DOWN_HOURS, SECRET_LENGTH_MIN, TARGET_COUNT_MAX } from '../../protocol/alarm-limits.ts';
import { nearestWord } from '../../protocol/nearest-word.ts';
import { TARGET_TYPES, type TargetType } from '../../protocol/read/incidents.ts';

interface TargetBase {
  /** Unique; what answers and sentences call it. */
  readonly name: string;
  /** Names or versions of models; null for all. */
  readonly models: readonly string[] | null;
  readonly url: string;
}
export interface WebhookTarget extends TargetBase {
  readonly type: 'webhook';
  readonly secret: string;
}
export interface SlackTarget extends TargetBase {
  readonly type: 'slack';
}
export interface AlertmanagerTarget extends TargetBase {
  readonly type: 'alertmanager';
  readonly labels: Readonly<Record<string, string>>;
  /** Value of the header Authorization; null for none. */
  readonly authorization: string | null;
}
export interface SmtpTarget extends TargetBase {
  readonly type: 'smtp';
  readonly user: string | null;
  readonly password: string | null;
  readonly from: string;
  readonly to: readonly string[];
  /** Nothing is sent over a connection that is not encrypted. */
  readonly requireTls: boolean;
}
export interface RetrainTarget extends TargetBase {
  readonly type: 'retrain';
  readonly secret: string;
  readonly coolDownHours: number;
}
export type Target = WebhookTarget | SlackTarget | AlertmanagerTarget | SmtpTarget | RetrainTarget;

/** What is wrong, in a sentence. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
}

/** @throws with a sentence when it is not there. */
type SecretOf = (named: { readonly env: string } | { readonly file: string }) => string;

const FIELDS: Readonly<Record<TargetType, readonly string[]>> = {
  webhook: ['secret'],
  slack: [],
  alertmanager: ['labels', 'authorization'],
  smtp: ['user', 'password', 'from', 'to', 'requireTls'],
  retrain: ['secret', 'coolDownHours'],
};
const COMMON_FIELDS = ['name', 'type', 'url', 'models'];
const RECIPIENT_COUNT_MAX = 32;
const LABEL_COUNT_MAX = 16;
const COOL_DOWN_HOURS_MAX = 24 * 365;

type Json = Readonly<Record<string, unknown>>;

/** @throws {TargetError} for what cannot be used. */
export function readTargets(list: unknown, secretOf: SecretOf): readonly Target[] {
  if (!Array.isArray(list)) throw new TargetError('"targets" must be a list.');
  if (list.length > TARGET_COUNT_MAX) throw new TargetError(`There are at most ${TARGET_COUNT_MAX} targets.`);
  const targets = list.map((json, index) => readTarget(json, index, secretOf));
  const twice = targets.find(({ name }, index) => targets.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw new TargetError(`Two targets are called "${twice.name}". Give each a name of its own.`);
  return targets;
}

function readTarget(json: unknown, index: number, secretOf: SecretOf): Target {
  const name = isObject(json) && typeof json.name === 'string' ? json.name : '';
  if (!isObject(json) || !/^[a-z0-9][a-z0-9-]{0,63}$/.test(name)) {
    throw new TargetError(`Target ${index} must be an object with a "name" of 1 to 64 lower-case letters, digits and hyphens.`);
  }
  const wrong = (reason: string) => new TargetError(`Target "${name}" cannot be used: ${reason}.`);
  const type = TARGET_TYPES.find((known) => known === json.type);
  if (type === undefined) throw wrong(`its "type" must be one of ${TARGET_TYPES.join(', ')}`);
  const fields = [...COMMON_FIELDS, ...FIELDS[type]];
  const stranger = Object.keys(json).find((field) => !fields.includes(field));
  if (stranger !== undefined) {
    const meant = nearestWord(stranger, fields);
    throw wrong(`a ${type} has no field "${stranger.slice(0, 64)}"${meant === null ? '' : `; did you mean "${meant}"?`}`);
  }
  const secret = (field: string): string => {
    const named = json[field];
    const isNamed = isObject(named) && Object.keys(named).length === 1 && [named.env, named.file].some((where) => isText(where));
    if (!isNamed) throw wrong(`its "${field}" must be {"env": NAME} or {"file": PATH}: a secret does not belong into this file`);
    try {
      return secretOf(named as { readonly env: string } | { readonly file: string });
    } catch (error) {
      throw wrong(`its "${field}": ${error instanceof Error ? error.message : 'it cannot be read'}`);
    }
  };
  const url = addressOf(isObject(json.url) ? secret('url') : json.url, type, wrong);
  const models = json.models === undefined ? null : json.models;
  if (models !== null && !isTexts(models, TARGET_COUNT_MAX * TARGET_COUNT_MAX))
    throw wrong('its "models" must be a list of names or versions');
  return { name, url, models: models as readonly string[] | null, ...ofType(type, json, secret, wrong) } as Target;
}

type Wrong = (reason: string) => TargetError;

function ofType(type: TargetType, json: Json, secret: (field: string) => string, wrong: Wrong): Json {
  if (type === 'webhook') return { type, secret: keyOf(secret, wrong) };
  if (type === 'slack') return { type };
  if (type === 'alertmanager') {
    const { labels = {} } = json;
    if (!isLabels(labels)) throw wrong('its "labels" must be texts under names of letters, digits and _');
    return { type, labels, authorization: json.authorization === undefined ? null : secret('authorization') };
  }
  if (type === 'smtp') return ofSmtp(json, secret, wrong);
  const { coolDownHours = RETRAIN_COOL_DOWN_HOURS } = json;
  const isHours = typeof coolDownHours === 'number' && coolDownHours >= 0 && coolDownHours <= COOL_DOWN_HOURS_MAX;
  if (!isHours) throw wrong(`its "coolDownHours" must be a number from 0 to ${COOL_DOWN_HOURS_MAX}`);
  return { type, secret: keyOf(secret, wrong), coolDownHours };
}

function ofSmtp(json: Json, secret: (field: string) => string, wrong: Wrong): Json {
  const { user = null, from, to, requireTls = !isThisMachine(json.url) } = json;
  const isAddress = (value: unknown) => isText(value) && /^[^\s<>,;"]+@[^\s<>,;"]+$/.test(value);
  if (!isAddress(from)) throw wrong('its "from" must be a mail address');
  if (!isTexts(to, RECIPIENT_COUNT_MAX) || !to.every(isAddress)) throw wrong(`its "to" must be 1 to ${RECIPIENT_COUNT_MAX} mail addresses`);
  if (typeof requireTls !== 'boolean') throw wrong('its "requireTls" must be true or false');
  if (user !== null && !isText(user)) throw wrong('its "user" must be a text');
  if ((user === null) !== (json.password === undefined)) throw wrong('"user" and "password" go together');
  return { type: 'smtp', user, password: user === null ? null : secret('password'), from, to, requireTls };
}

function keyOf(secret: (field: string) => string, wrong: Wrong): string {
  const key = secret('secret');
  if (key.length < SECRET_LENGTH_MIN)
    throw wrong(`its secret must have at least ${SECRET_LENGTH_MIN} letters: openssl rand -hex 32 makes one`);
  return key;
}

function addressOf(value: unknown, type: TargetType, wrong: Wrong): string {
  const schemes = type === 'smtp' ? ['smtp:', 'smtps:'] : ['http:', 'https:'];
  const expected = type === 'smtp' ? 'smtp://host:port or smtps://host:port' : 'an address with http:// or https://';
  const url = isText(value) && URL.canParse(value) ? new URL(value) : null;
  if (url === null || !schemes.includes(url.protocol) || url.hostname === '') throw wrong(`its "url" must be ${expected}`);
  if (url.username !== '' || url.password !== '') throw wrong('its "url" holds a name or password, which belongs into a field of its own');
  return (value as string).trim();
}

function isThisMachine(url: unknown): boolean {
  const host = isText(url) && URL.canParse(url) ? new URL(url).hostname : '';
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function isLabels(value: unknown): boolean {
  if (!isObject(value) || Object.keys(value).length > LABEL_COUNT_MAX) return false;
  return Object.entries(value).every(([label, text]) => /^[a-zA-Z_]\w*$/.test(label) && isText(text));
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '' && value.length <= 2_048;
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);
const isTexts = (value: unknown, countMax: number): value is readonly string[] =>
  Array.isArray(value) && value.length > 0 && value.length <= countMax && value.every(isText);
