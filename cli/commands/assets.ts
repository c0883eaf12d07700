/**
 * `insitu assets DIR`: copies the files that a browser fetches into a folder that a web server serves.
 *
 * Why a command: a page that does not bundle needs all files of one release side by side, and a static host may take no file over a limit. A
 * binary over it is written gzipped, by a name of its own, and the worker unpacks it.
 *
 * Invariants
 *  - What is written is of this release and nothing else; older files of the same names are replaced, others are left alone.
 *  - A file over the limit that cannot be gzipped below it is an error, and said before anything is written.
 *
 * Not here: compressing in transit, which is the server's and better (brotli), and keeps the browser's streaming compile.
 */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import * as shipped from '../../protocol/shipped-files.json';
import { RUNTIME_BUILDS, type RuntimeBuild } from '../../protocol/worker/loading.ts';
import { countOf, onlyName, readArguments } from '../terminal/arguments.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';

export const usage = `insitu assets DIR [options]

  copies insitu's browser files into DIR, from where a page loads them:
  createClient({ assets: '/insitu/' }), or <script src="/insitu/insitu.global.js">

      --max-file-bytes N  files over this are written gzipped (.wasm.gz); for hosts with a limit per file, 26214400 for 25 MiB
      --only BUILDS     runtimes to copy, of wasm,webgpu,jspi; default: all three
`;

/** What an application names, and what those fetch. */
const SCRIPTS = [
  ...Object.values(shipped.entries),
  ...[shipped.worker, shipped.delivery, shipped.counts, shipped.localDp, shipped.tokenizer],
];
const RUNTIME_FILES: Readonly<Record<RuntimeBuild, readonly string[]>> = {
  wasm: [shipped.wasmModule, shipped.wasmBinary, shipped.wasmSnapshot],
  webgpu: [shipped.webgpuModule, shipped.webgpuBinary],
  jspi: [shipped.jspiModule, shipped.jspiBinary],
};

interface Written {
  readonly name: string;
  readonly bytes: number;
  /** Null where the file was copied as it is. */
  readonly packed: Uint8Array | null;
  /** Another form of the same file, left by an earlier call, which must not answer for it. */
  readonly stale: string | null;
}

export function run(args: readonly string[]): void {
  const { values, positionals } = readArguments('assets', args, { 'max-file-bytes': { type: 'string' }, only: { type: 'string' } });
  const target = onlyName('assets', positionals, 'Name one folder: insitu assets DIR.');
  const limit = values['max-file-bytes'];
  const bytesMax = limit === undefined ? Number.POSITIVE_INFINITY : countOf('max-file-bytes', limit);
  const source = distFolder();
  const files = [...SCRIPTS, ...runtimeFiles(values.only)].sort().map((name) => planned(source, name, bytesMax));
  for (const file of files) write(source, target, file);
  process.stdout.write(report(target, files));
}

function runtimeFiles(only: string | undefined): string[] {
  const asked = only === undefined ? RUNTIME_BUILDS : only.split(',').map((name) => name.trim());
  return asked.flatMap((name) => {
    const build = RUNTIME_BUILDS.find((each) => each === name);
    if (build === undefined) throw new UsageError(`--only takes ${RUNTIME_BUILDS.join(', ')}, not "${name}".`);
    return RUNTIME_FILES[build];
  });
}

/** The package's dist/, from dist/node/ where this file is bundled into. */
function distFolder(): string {
  const folder = fileURLToPath(new URL('../', import.meta.url));
  if (!existsSync(join(folder, shipped.worker))) throw new CommandError(`${folder} holds no browser files. Install the package again.`);
  return folder;
}

function planned(source: string, name: string, bytesMax: number): Written {
  const path = join(source, name);
  const { size } = statSync(path);
  if (size <= bytesMax) return { name, bytes: size, packed: null, stale: name.endsWith('.wasm') ? `${name}.gz` : null };
  if (!name.endsWith('.wasm'))
    throw new CommandError(`${name} has ${size} bytes, more than --max-file-bytes, and a script cannot be gzipped.`);
  const packed = gzipSync(readFileSync(path), { level: 9 });
  if (packed.length > bytesMax) {
    throw new CommandError(`${name} has ${packed.length} bytes even when gzipped, more than --max-file-bytes. Leave it out with --only.`);
  }
  return { name: `${name}.gz`, bytes: packed.length, packed, stale: name };
}

function write(source: string, target: string, { name, packed, stale }: Written): void {
  const path = join(target, name);
  mkdirSync(dirname(path), { recursive: true });
  if (packed === null) copyFileSync(join(source, name), path);
  else writeFileSync(path, packed);
  if (stale !== null) rmSync(join(target, stale), { force: true });
}

function report(target: string, files: readonly Written[]): string {
  const width = Math.max(...files.map(({ bytes }) => String(bytes).length));
  const lines = files.map(({ name, bytes }) => `  ${String(bytes).padStart(width)}  ${name}`);
  const hasPacked = files.some(({ packed }) => packed !== null);
  return `${target}: ${files.length} files of insitu ${__RELEASE__}, sizes in bytes

${lines.join('\n')}

Headers to set:
  Content-Type: application/wasm       on *.wasm, so that it is compiled while it streams
  Content-Type: text/javascript        on *.js and *.mjs
  Content-Encoding: br or gzip         on *.js, *.mjs and *.wasm, by the server
${hasPacked ? '  no Content-Encoding, application/octet-stream   on *.wasm.gz, which the worker unpacks itself\n' : ''}For threads, on the page and on these files:
  Cross-Origin-Opener-Policy: same-origin
  Cross-Origin-Embedder-Policy: require-corp
From another origin, on these files:
  Access-Control-Allow-Origin: *
  Cross-Origin-Resource-Policy: cross-origin
`;
}

declare const __RELEASE__: string;
