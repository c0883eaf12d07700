/**
 * `insitu incidents`: what is the matter with the models of a collector, and what a person does about it, from a terminal.
 *
 * Not here: what an act leads to (collector/incidents/).
 */
import { NAME_LENGTH_MAX, REPORT_TIMEOUT_MS } from '../../protocol/limits.ts';
import type { Incident, IncidentAct, IncidentDetail, IncidentList } from '../../protocol/read/incidents.ts';
import { KEY_FILE_DEFAULT, readAdminKey } from '../terminal/admin-key.ts';
import { readArguments, seeHelp } from '../terminal/arguments.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';

export const usage = `insitu incidents [ID [ACT]] [options]

Lists the incidents of a collector that are not closed, shows one, or acts on it.
ACT is one of: acknowledge, note TEXT, mute HOURS, unmute, rebase.

  --url http://127.0.0.1:8788   the collector
  --key-file .insitu/admin-key  its admin key
  --all                         closed ones, too
  --json                        what the collector answers

  INSITU_ADMIN_KEY    the admin key, where there is no file
`;

const COMMAND = 'incidents';
const HOUR_MS = 3_600_000;

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments(COMMAND, args, {
    url: { type: 'string', default: 'http://127.0.0.1:8788' },
    'key-file': { type: 'string', default: KEY_FILE_DEFAULT },
    all: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  });
  const [id, ...act] = positionals;
  const readBody = act.length === 0 ? null : actOf(act);
  if (id !== undefined && !/^[0-9a-f]{32}$/.test(id))
    throw new UsageError(`An incident is named by 32 hex digits, not "${id}". ${seeHelp(COMMAND)}`);
  const key = readAdminKey(values['key-file']);
  const found = await ask(values.url, key, id, null);
  const answer = readBody === null ? found : await ask(values.url, key, id, readBody(found.nowMs));
  if (values.json) return print(`${JSON.stringify(answer)}\n`);
  if (id !== undefined) return print(detailText(answer as IncidentDetail));
  const { incidents } = answer as IncidentList;
  print(listText(incidents.filter(({ state }) => values.all || state !== 'closed')));
}

/** What is asked for, by the collector's clock. */
function actOf([act, ...words]: readonly string[]): (nowMs: number) => IncidentAct {
  const text = words.join(' ');
  if (act === 'note' && text !== '') return () => ({ act, text });
  if (act === 'mute' && /^\d{1,4}$/.test(text)) return (nowMs) => ({ act, untilMs: nowMs + Number(text) * HOUR_MS });
  if (words.length === 0 && act === 'unmute') return () => ({ act: 'mute', untilMs: null });
  if (words.length === 0 && (act === 'acknowledge' || act === 'rebase')) return () => ({ act });
  throw new UsageError(`Expected acknowledge, note TEXT, mute HOURS, unmute or rebase behind the incident. ${seeHelp(COMMAND)}`);
}

async function ask(url: string, key: string, id: string | undefined, act: IncidentAct | null): Promise<IncidentList | IncidentDetail> {
  const address = `${url.replace(/\/+$/, '')}/v1/incidents${id === undefined ? '' : `/${id}`}`;
  const init = act === null ? { method: 'GET' } : { method: 'POST', body: JSON.stringify(act) };
  const signal = AbortSignal.timeout(REPORT_TIMEOUT_MS);
  const response = await fetch(address, { ...init, signal, redirect: 'error', headers: { Authorization: `Bearer ${key}` } }).catch(() => {
    throw new CommandError(`No collector answers at ${url}. Start one, or name it with --url.`);
  });
  if (!response.ok) throw new CommandError(oneLine(await response.text()));
  return (await response.json().catch(() => {
    throw new CommandError(`What answers at ${url} is no collector of this release.`);
  })) as IncidentList | IncidentDetail;
}

function listText(incidents: readonly Incident[]): string {
  if (incidents.length === 0) return 'No incident is open.\n';
  return incidents.map((incident) => `${lineOf(incident)}\n`).join('');
}

function lineOf({ id, state, openedAtMs, modelVersion, metrics, leftOutCount, acknowledged, mutedUntilMs }: Incident): string {
  const more = metrics.length + leftOutCount - 1;
  const marks = [acknowledged === null ? '' : 'acknowledged', mutedUntilMs === null ? '' : `muted until ${timeText(mutedUntilMs)}`];
  const further = [more > 0 ? `and ${more} more` : '', ...marks].filter((text) => text !== '').join(', ');
  const first = oneLine(metrics[0]?.metric ?? '');
  return `${id}  ${state.padEnd(10)}  ${timeText(openedAtMs)}  model ${modelVersion}  ${first}${further === '' ? '' : `, ${further}`}`;
}

function detailText({ incident, audit }: IncidentDetail): string {
  const metrics = incident.metrics.map(({ metric, stage, isMoved, rule, effect, value, limit }) => {
    const size = rule === null ? `PSI ${effect ?? 'unknown'}` : `rule ${rule}: ${value ?? 'unknown'}, limit ${limit ?? 'unknown'}`;
    return `  ${isMoved ? 'moved' : 'as it was'}  ${oneLine(metric)} (${stage}), ${size}\n`;
  });
  const entries = audit.map(
    ({ atMs, what, by, text }) => `  ${timeText(atMs)}  ${what} by ${oneLine(by)}${text === null ? '' : `: ${oneLine(text)}`}\n`,
  );
  return `${lineOf(incident)}\n\n${metrics.join('')}\n${entries.join('')}`;
}

function timeText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** A stranger's name must not write over a terminal. */
function oneLine(text: string): string {
  return text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, 4 * NAME_LENGTH_MAX);
}

function print(text: string): void {
  process.stdout.write(text);
}
