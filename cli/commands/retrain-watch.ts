/**
 * `insitu retrain-watch`: receives a collector's retrain requests and runs a command for each, once.
 *
 * How it remembers: files in a folder. `ID.json` is the bundle, there before the request is answered; `ID.started` before its command
 * begins; `ID.done` with its exit code behind it.
 *
 * Invariants
 *  - A request is answered 2xx only when its bundle is on disk. What was not started is started after a restart.
 *  - A command is started once per idempotency key, also when it failed or its end is not known: training twice costs more than a look.
 *  - What is not signed with the secret, or older than WEBHOOK_REPLAY_MS_MAX, is not read further than that.
 *  - One command at a time. It does not get the secret.
 *
 * Not here: asking for training (collector/notify/).
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import { BUNDLE_BYTES_MAX, BUNDLE_QUEUE_COUNT_MAX, SECRET_LENGTH_MIN } from '../../protocol/alarm-limits.ts';
import { REPORT_TIMEOUT_MS } from '../../protocol/limits.ts';
import { verifySignature, WEBHOOK_ID } from '../../protocol/read/notification.ts';
import { readOptions } from '../terminal/arguments.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import { closeOnSignal } from '../terminal/signals.ts';

export const usage = `insitu retrain-watch --exec COMMAND [options]

Receives the retrain requests of a collector, verifies their signature, and runs
COMMAND with the path of the evidence (JSON) behind it: once for each incident.

  --exec COMMAND      run by the shell; the path is also in INSITU_BUNDLE
  --folder DIR        bundles, and what was done of them; default: insitu-retrain
  --port 8790         0 lets the system choose
  --host 127.0.0.1    0.0.0.0 for every network (put TLS in front)
  --secret-file FILE  the secret of the collector's target
  --json              one JSON line when ready

  INSITU_RETRAIN_SECRET   the secret, where there is no file
`;

const SECRET_VARIABLE = 'INSITU_RETRAIN_SECRET';
const ID = /^[0-9a-f]{32}$/;

interface Settings {
  readonly command: string;
  readonly folder: string;
  readonly secret: string;
}

/** Starts it and returns when it is ready; the server keeps the process alive. */
export async function run(args: readonly string[]): Promise<void> {
  const values = readOptions('retrain-watch', args, {
    exec: { type: 'string' },
    folder: { type: 'string', default: 'insitu-retrain' },
    port: { type: 'string', default: '8790' },
    host: { type: 'string', default: '127.0.0.1' },
    'secret-file': { type: 'string' },
    json: { type: 'boolean', default: false },
  });
  if (!values.exec) throw new UsageError('Name the command that trains: --exec "python train.py". See insitu retrain-watch --help.');
  const port = /^\d{1,5}$/.test(values.port) ? Number(values.port) : Number.NaN;
  if (!(port <= 65_535)) throw new UsageError(`--port must be a number from 0 to 65535, not "${values.port}".`);
  const settings = { command: values.exec, folder: resolve(values.folder), secret: secretOf(values['secret-file']) };
  await mkdir(settings.folder, { recursive: true }).catch((error: unknown) => {
    throw new CommandError(
      `The folder ${settings.folder} cannot be made (${String((error as { code?: unknown }).code)}). Name another with --folder.`,
    );
  });
  const queue = new CommandQueue(settings);
  queue.addLeft();
  const server = createServer((request, response) => {
    receive(request, settings, queue).then(
      ([status, sentence]) => answer(response, status, sentence),
      (error: unknown) => {
        process.stderr.write(`A request could not be kept: ${String(error)}\n`);
        answer(response, 500, 'The bundle could not be kept here.');
      },
    );
  });
  server.requestTimeout = REPORT_TIMEOUT_MS;
  server.headersTimeout = REPORT_TIMEOUT_MS;
  const url = await listen(server, port, values.host);
  closeOnSignal(async () => {
    server.close();
    server.closeIdleConnections();
    await queue.close();
  });
  process.stdout.write(
    values.json ? `${JSON.stringify({ ready: true, url })}\n` : `Waiting for retrain requests at ${url}. Stop with Ctrl+C.\n`,
  );
}

function secretOf(file: string | undefined): string {
  const where = file === undefined ? SECRET_VARIABLE : file;
  let secret = '';
  try {
    secret = (file === undefined ? (process.env[SECRET_VARIABLE] ?? '') : readFileSync(file, 'utf8')).trim();
  } catch {
    throw new CommandError(`${where} cannot be read. Name one that is there and that this user may read.`);
  }
  if (secret.length >= SECRET_LENGTH_MIN) return secret;
  throw new CommandError(`${where} must hold the secret of the collector's target, at least ${SECRET_LENGTH_MIN} letters.`);
}

function listen(server: Server, port: number, host: string): Promise<string> {
  return new Promise((done, refuse) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      refuse(new CommandError(`It cannot listen on ${host}:${port} (${error.code}). Choose others with --host and --port.`));
    });
    server.listen(port, host, () => done(`http://${host.includes(':') ? `[${host}]` : host}:${(server.address() as AddressInfo).port}`));
  });
}

function answer(response: ServerResponse, status: number, sentence: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8', ...(status === 413 ? { Connection: 'close' } : {}) });
  response.end(`${sentence}\n`);
}

type Answer = readonly [status: number, sentence: string];

async function receive(request: IncomingMessage, settings: Settings, queue: CommandQueue): Promise<Answer> {
  if (request.method !== 'POST') return [405, 'Retrain requests are posted here.'];
  const body = await bodyOf(request);
  if (body === null) return [413, `A bundle has at most ${BUNDLE_BYTES_MAX} bytes.`];
  const header = (name: string) => [request.headers[name]].flat()[0];
  const verified = await verifySignature(settings.secret, header, body, Date.now());
  if (!verified.ok) return [401, `Not believed: ${verified.reason}.`];
  const id = header(WEBHOOK_ID) ?? '';
  if (!ID.test(id)) return [400, `${WEBHOOK_ID} must be 32 hex digits.`];
  if (typeOf(body) !== 'retrain') return [400, 'This takes requests of the type "retrain"; give the collector a target of that type.'];
  return queue.take(id, body);
}

/** null when it is too long. */
async function bodyOf(request: IncomingMessage): Promise<string | null> {
  if (Number(request.headers['content-length'] ?? 0) > BUNDLE_BYTES_MAX) return null;
  const pieces: Buffer[] = [];
  let length = 0;
  // The connection stays, so that the refusal is heard.
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > BUNDLE_BYTES_MAX) return null;
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function typeOf(body: string): unknown {
  try {
    return (JSON.parse(body) as { type?: unknown } | null)?.type;
  } catch {
    return undefined;
  }
}

/** Bundles in the order in which they came, each run once. */
class CommandQueue {
  private readonly settings: Settings;
  /** Being written. */
  private readonly taking = new Map<string, Promise<void>>();
  private waiting: string[] = [];
  private running: Promise<void> | null = null;
  private isClosing = false;

  constructor(settings: Settings) {
    this.settings = settings;
  }

  /** What an earlier process left. */
  addLeft(): void {
    const names = new Set(readdirSync(this.settings.folder));
    for (const name of [...names].sort()) {
      const id = name.replace(/\.json$/, '');
      if (name !== `${id}.json` || !ID.test(id) || names.has(`${id}.done`)) continue;
      if (!names.has(`${id}.started`)) this.waiting.push(id);
      else
        process.stderr.write(
          `The end of the command for ${id} is not known. It is not run again; delete ${this.path(id, 'started')} to have it run.\n`,
        );
    }
    this.start();
  }

  async take(id: string, body: string): Promise<Answer> {
    const isKnown = this.taking.has(id) || existsSync(this.path(id, 'json'));
    if (!isKnown && this.waiting.length + this.taking.size >= BUNDLE_QUEUE_COUNT_MAX) return [503, 'Too many bundles wait here.'];
    if (!isKnown) this.taking.set(id, writeDurably(this.path(id, 'json'), body));
    try {
      await this.taking.get(id);
    } finally {
      this.taking.delete(id);
    }
    if (isKnown) return [200, 'It was taken before.'];
    this.waiting.push(id);
    this.start();
    return [202, 'Taken.'];
  }

  /** Nothing more is started; resolves when what runs has ended. */
  async close(): Promise<void> {
    this.isClosing = true;
    await this.running;
  }

  private path(id: string, ending: string): string {
    return join(this.settings.folder, `${id}.${ending}`);
  }

  private start(): void {
    if (this.running !== null) return;
    this.running = this.runAll()
      .catch((error: unknown) => {
        process.stderr.write(`A command could not be started: ${String(error)}\n`);
      })
      .finally(() => {
        this.running = null;
      });
  }

  private async runAll(): Promise<void> {
    while (!this.isClosing) {
      const id = this.waiting.shift();
      if (id === undefined) return;
      const isMine = await claim(this.path(id, 'started'));
      if (!isMine) continue;
      const code = await this.execute(this.path(id, 'json'));
      await writeDurably(this.path(id, 'done'), `${JSON.stringify({ code, endedAtMs: Date.now() })}\n`);
      process.stderr.write(`The command for ${id} ended with ${code ?? 'a signal'}.\n`);
    }
  }

  /** @returns Its exit code; null when a signal ended it, or it could not be started. */
  private execute(bundle: string): Promise<number | null> {
    const { [SECRET_VARIABLE]: _, ...inherited } = process.env;
    const env = { ...inherited, INSITU_BUNDLE: bundle };
    const { command } = this.settings;
    // The path is an argument and a variable, never a part of what the shell reads.
    const child =
      process.platform === 'win32'
        ? spawn(`${command} "%INSITU_BUNDLE%"`, { env, stdio: 'inherit', shell: true })
        : spawn('/bin/sh', ['-c', `${command} "$1"`, 'sh', bundle], { env, stdio: 'inherit' });
    return new Promise((done) => {
      child.once('error', () => done(null));
      child.once('close', (code) => done(code));
    });
  }
}

/** Whole, and on disk, or not there. */
async function writeDurably(file: string, text: string): Promise<void> {
  const part = `${file}.${process.pid}.part`;
  const opened = await open(part, 'w');
  try {
    await opened.writeFile(text);
    await opened.sync();
  } finally {
    await opened.close();
  }
  await rename(part, file);
}

/** @returns Whether nobody else has begun it. */
function claim(file: string): Promise<boolean> {
  return writeFile(file, '', { flag: 'wx' }).then(
    () => true,
    (error: unknown) => {
      if ((error as { code?: unknown }).code === 'EEXIST') return false;
      throw error;
    },
  );
}
