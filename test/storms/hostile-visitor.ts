/**
 * Hostile visitor: one who has the public write key sends and asks as fast as he can, while pages report and a dashboard is open.
 *
 * Goal: he slows nobody down and fills no memory. Method: a process of his own, on the last core, with many connections at once: dense
 * windows over every hour, bodies of as many cells and of as many windows as may be, floods of small ones, bodies that are refused, silent
 * listeners, HEAD, and series over a quarter of a year. Beside it a page's two windows are posted twenty times a second, and a dashboard's
 * two questions asked each second; each is timed from the call to the answer.
 *
 * Half a minute runs in every `npm test`, ten minutes in test/prove/hostile-visitor.prove.test.ts, which alone asserts times.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SOFTWARE_PLAN } from '../../counts/plans/software-plan.ts';
import {
  BODY_BYTES_MAX,
  BODY_CELL_COUNT_MAX,
  BODY_WINDOW_COUNT_MAX,
  LIGHT_BODY_CELL_COUNT_MAX,
  OUTBOX_AGE_MS_MAX,
} from '../../protocol/limits.ts';
import { encodeBody, encodeWindow } from '../../protocol/report/report.ts';
import { HOUR_MS, UNKNOWN_MODEL_VERSION, type Window } from '../../protocol/report/window.ts';
import { bodyOf, dataWindow, MODEL_VERSION, manifestText, nextId, softwareWindow } from '../fixtures/reports.ts';
import { type CollectorProcess, startCollectorProcess } from '../harness/collector-process.ts';
import { guardedFolder, killGroup, removeFolder, spawnGuarded } from '../harness/guardian.ts';

const SCRIPT = fileURLToPath(new URL('./hostile-visitor-process.mjs', import.meta.url));
const CONNECTION_COUNT = 64;
const HONEST_INTERVAL_MS = 50;
const QUESTION_INTERVAL_MS = 1_000;
const CALM_MS = 5_000;

interface Order {
  readonly name: string;
  readonly path: string;
  readonly method: 'POST' | 'GET' | 'HEAD';
  readonly body: string | null;
  readonly idOffsets: readonly number[];
  readonly isSilent?: true;
}

export interface HostileReport {
  /** What each of his orders was answered, by status. */
  readonly answers: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Honest posts that were not answered with 204. */
  readonly refusedReports: number;
  readonly failedQuestions: number;
  /** Without him, in a few seconds before. */
  readonly calmMs: readonly number[];
  readonly reportMs: readonly number[];
  readonly questionMs: readonly number[];
  /** Of the collector's process, second by second. */
  readonly residentBytes: readonly number[];
  /** Share of one core that the collector's process was given, engine included: on a busy machine times say little. */
  readonly coreShare: number;
  /** Runs that honest pages sent and the collector has counted. */
  readonly sentRuns: number;
  readonly countedRuns: number;
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export function hostileTable({ answers, calmMs, reportMs, questionMs, residentBytes, ...rest }: HostileReport): string {
  const of = (values: readonly number[]) => [0.5, 0.9, 0.99, 1].map((share) => `${percentile(values, share).toFixed(0)} ms`).join(', ');
  const megabytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return [
    `without him: ${calmMs.length} reports, p50, p90, p99, max ${of(calmMs)}`,
    `honest reports: ${reportMs.length}, p50, p90, p99, max ${of(reportMs)}, ${rest.refusedReports} not taken`,
    `dashboard: ${questionMs.length} questions, p50, p90, p99, max ${of(questionMs)}, ${rest.failedQuestions} not answered`,
    `memory: at first ${megabytes(residentBytes[0] ?? 0)}, half-way ${megabytes(percentileOfTime(residentBytes, 0.5))}, ` +
      `at last ${megabytes(residentBytes.at(-1) ?? 0)}, at most ${megabytes(Math.max(...residentBytes))}`,
    `the collector had ${rest.coreShare.toFixed(2)} of a core`,
    ...Object.entries(answers).map(([name, counts]) => `  ${name}: ${JSON.stringify(counts)}`),
  ].join('\n');
}

function percentileOfTime(values: readonly number[], share: number): number {
  return values[Math.floor(share * values.length)] ?? 0;
}

const ALL_CELLS = Uint32Array.from({ length: SOFTWARE_PLAN.cellCount }, (_, cell) => cell);
const HOUR_COUNT = OUTBOX_AGE_MS_MAX / HOUR_MS;

function dense(cellCount: number, hour: number): Window {
  const cells = ALL_CELLS.subarray(0, cellCount);
  return softwareWindow({ id: nextId(), hour, cells, counts: cells.map(() => 1) });
}

function postOf(name: string, windows: readonly Window[], modelVersion = MODEL_VERSION): Order {
  const encoded = windows.map(encodeWindow);
  const body = encodeBody(modelVersion, encoded);
  // Behind schema, version and a one-byte count; the id stands behind the kind of report.
  let at = 10;
  const idOffsets = encoded.map((bytes) => {
    const offset = at + 1;
    at += bytes.length;
    return offset;
  });
  return { name, path: '/v1/report/demo', method: 'POST', body: Buffer.from(body).toString('base64'), idOffsets };
}

function ordersOf(nowHour: number): Order[] {
  const hourAt = (index: number) => nowHour + 1 - (index % HOUR_COUNT);
  const perBody = Math.floor(BODY_CELL_COUNT_MAX / ALL_CELLS.length);
  const get = (name: string, path: string, more: Partial<Order> = {}): Order => {
    return { name, path, method: 'GET', body: null, idOffsets: [], ...more };
  };
  return Array.from({ length: HOUR_COUNT }, (_, index): Order[] => [
    postOf('a dense window', [dense(ALL_CELLS.length, hourAt(index))]),
    postOf(
      'as many cells as may be',
      Array.from({ length: perBody }, (_hour, window) => dense(ALL_CELLS.length, hourAt(index * perBody + window))),
    ),
    postOf(
      'as many windows as may be',
      Array.from({ length: BODY_WINDOW_COUNT_MAX }, (_hour, window) => softwareWindow({ id: nextId(), hour: hourAt(window) })),
    ),
    postOf('as many cells as a light body may have', [dense(LIGHT_BODY_CELL_COUNT_MAX, hourAt(index))]),
    postOf('a dense window that votes', [{ ...dense(ALL_CELLS.length, hourAt(index)), mark: 'week' }]),
    postOf(
      'as many windows that vote as may be',
      Array.from({ length: BODY_WINDOW_COUNT_MAX }, (_hour, window) => softwareWindow({ id: nextId(), hour: hourAt(window), mark: 'day' })),
    ),
    postOf('a dense window of no model', [dense(ALL_CELLS.length, hourAt(index))], UNKNOWN_MODEL_VERSION),
    ...Array.from({ length: 4 }, () => postOf('a small window', [softwareWindow({ id: nextId(), hour: nowHour })])),
    postOf(
      'too many cells',
      Array.from({ length: BODY_WINDOW_COUNT_MAX }, () => dense(ALL_CELLS.length, nowHour)),
    ),
    postOf('a segment that is none', [softwareWindow({ id: nextId(), hour: nowHour, segment: 31 })]),
    { ...postOf('no report', [dataWindow()]), body: Buffer.alloc(BODY_BYTES_MAX, 1).toString('base64') },
    get('HEAD of the live feed', '/v1/live', { method: 'HEAD' }),
    get('series', `/v1/series?model=${MODEL_VERSION}&hours=${24 * 92 - index}`),
    get('devices', `/v1/devices?model=${MODEL_VERSION}&hours=${24 * 92 - index}`),
    ...(index % 16 === 0 ? [get('a silent listener', '/v1/live', { isSilent: true })] : []),
  ]).flat();
}

/** A connection that broke is no answer: pages and browsers ask again, and the time of that counts. */
async function timed(values: number[], isGood: (response: Response) => boolean, ask: () => Promise<Response>): Promise<boolean> {
  const startMs = performance.now();
  for (let attempt = 0; ; attempt++) {
    try {
      const response = await ask();
      await response.arrayBuffer();
      values.push(performance.now() - startMs);
      return isGood(response);
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

/** Calls every so many milliseconds, whether the last call is over or not, until the time is up; resolves when all are. */
async function every(intervalMs: number, durationMs: number, call: () => Promise<void>): Promise<void> {
  const calls: Promise<void>[] = [];
  for (const endMs = performance.now() + durationMs; performance.now() < endMs; ) {
    calls.push(call());
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
  await Promise.all(calls);
}

/** User and system time, engine and all threads; fields 14 and 15 of /proc/N/stat in hundredths of a second, counted behind the command. */
function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

function residentBytesOf(pid: number): number {
  return 1024 * Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
}

/** Starts him; resolves to the way to end him, which resolves to what he was answered. */
function letLoose(folder: string, { url }: CollectorProcess): () => Promise<HostileReport['answers']> {
  const file = join(folder, 'orders.json');
  writeFileSync(file, JSON.stringify(ordersOf(Math.floor(Date.now() / HOUR_MS))));
  const args = [SCRIPT, url, file, String(CONNECTION_COUNT)];
  const cores = availableParallelism();
  const [command, ...before] = cores < 2 ? [process.execPath] : ['taskset', '-c', String(cores - 1), process.execPath];
  const child = spawnGuarded(command as string, [...before, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  let text = '';
  child.stdout?.on('data', (bytes: Buffer) => {
    text += bytes.toString();
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  return async () => {
    child.stdin?.end();
    await ended;
    await killGroup(child.pid as number);
    return JSON.parse(text) as HostileReport['answers'];
  };
}

export async function sufferVisitor(durationMs: number): Promise<HostileReport> {
  const folder = guardedFolder('hostile');
  const collector = await startCollectorProcess({ modelsFolder: null });
  const headers = { Authorization: `Bearer ${collector.adminKey}` };
  await fetch(`${collector.url}/v1/models`, { method: 'POST', headers, body: JSON.stringify({ manifest: manifestText() }) });
  const [reportMs, questionMs, residentBytes]: [number[], number[], number[]] = [[], [], []];
  let [refusedReports, failedQuestions, sentRuns] = [0, 0, 0];
  const report = async () => {
    const hour = Math.floor(Date.now() / HOUR_MS);
    const body = bodyOf([dataWindow({ id: nextId(), hour }), softwareWindow({ id: nextId(), hour })]);
    const ask = () => fetch(`${collector.url}/v1/report/demo`, { method: 'POST', body });
    if (await timed(reportMs, ({ status }) => status === 204, ask)) sentRuns += 8;
    else refusedReports++;
  };
  const seriesOf = (modelVersion: string) => () => fetch(`${collector.url}/v1/series?model=${modelVersion}&hours=168`);
  const question = async () => {
    const asked = [MODEL_VERSION, UNKNOWN_MODEL_VERSION].map((version) => timed(questionMs, ({ ok }) => ok, seriesOf(version)));
    failedQuestions += (await Promise.all(asked)).filter((isAnswered) => !isAnswered).length;
    residentBytes.push(residentBytesOf(collector.pid));
  };
  try {
    // What is compiled late and what is opened first is not his doing.
    for (let count = 0; count < 20; count++) await report();
    await question();
    reportMs.length = 0;
    await every(HONEST_INTERVAL_MS, CALM_MS, report);
    const calmMs = reportMs.splice(0);
    questionMs.length = 0;
    const end = letLoose(folder, collector);
    const [startMs, startCpuMs] = [performance.now(), cpuMsOf(collector.pid)];
    await Promise.all([every(HONEST_INTERVAL_MS, durationMs, report), every(QUESTION_INTERVAL_MS, durationMs, question)]);
    const coreShare = (cpuMsOf(collector.pid) - startCpuMs) / (performance.now() - startMs);
    const answers = await end();
    const counted = (await (await fetch(`${collector.url}/v1/series?model=${MODEL_VERSION}&hours=3`)).json()) as {
      totals: readonly { report: string; runs: number }[];
    };
    const countedRuns = counted.totals.reduce((sum, { report: kind, runs }) => sum + (kind === 'data' ? runs : 0), 0);
    return { answers, refusedReports, failedQuestions, calmMs, reportMs, questionMs, residentBytes, coreShare, sentRuns, countedRuns };
  } finally {
    await collector.close();
    removeFolder(folder);
  }
}
