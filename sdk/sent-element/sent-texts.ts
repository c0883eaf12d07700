/**
 * The sentences of `<insitu-sent>`, in English. `{name}` is filled in; a site gives its own by the property `texts`.
 */
export const SENT_TEXTS = {
  on: 'On. Reports say how often something was counted; never an input, an answer, or anything that names you.',
  noised: 'Reports are noised on this device before they leave.',
  paused: 'Sending is paused.',
  'no-collector': 'Off: this page names no collector, so nothing is counted.',
  'consent-required': 'Off: you have not agreed. Nothing is counted, stored or sent.',
  'no-document': 'Off: a worker counts nothing.',
  'opted-out': 'Off: you opted out on this device. Nothing is counted, stored or sent.',
  'global-privacy-control': 'Off: your browser sends Global Privacy Control, so nothing is counted.',
  'do-not-track': 'Off: your browser says Do Not Track, so nothing is counted.',
  figures: 'Runs not yet in a report: {runs} (it needs {needed} that differ). Reports that wait: {windows} ({bytes} bytes). Taken: {sent}.',
  next: 'Next attempt: {time}.',
  'not-started': 'The part that sends could not be loaded, so nothing is counted.',
  'not-the-collector': 'Something other than the collector answered the last report. Counts wait on this device.',
  'not-answered': 'No collector answered the last reports. Counts wait on this device.',
  'answer-stripped': 'The collector’s last answer arrived without its proof. Counts wait on this device.',
  'older-collector': 'The collector is of an older release; its answers are believed.',
  'unknown-key': 'The collector does not know this site’s key. Counts wait on this device.',
  'unregistered-model': 'The collector does not know this model yet. Counts wait on this device.',
  flush: 'Send now',
  erase: 'Delete what is stored',
  withdraw: 'Withdraw consent',
  erased: 'Deleted from this device. In the sums that left before, nothing says whose they are.',
  withdrawn: 'Withdrawn, and deleted from this device.',
  failed: 'That failed: {reason}',
  requests: 'Requests that left this page, newest first',
  nothing: 'No request to show: none has left on this visit, or its record was deleted with what was stored.',
  request: '{time} · {line} · {bytes} bytes · {answer}',
  answered: 'answered {status}',
  unanswered: 'no answer yet',
  bytes: 'The bytes of this request. Each row begins with its offset.',
  data: 'What was counted',
  software: 'How the software did',
  other: 'Noised report',
  window: '{report} · runs: {runs} · from {hour} · model {model} · one-time number {id}',
  day: "the first report of its kind that left this browser that day (UTC), which counts a day's devices once",
  week: "the first report of its kind that left this browser that week (Monday to Sunday, UTC), which counts a week's devices once",
  metric: 'metric',
  cell: 'cell',
  count: 'count',
} as const;

export type SentTexts = { readonly [Name in keyof typeof SENT_TEXTS]: string };

export function fill(template: string, values: Readonly<Record<string, string | number>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
