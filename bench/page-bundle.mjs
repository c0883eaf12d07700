/**
 * What telemetry costs a page in bytes to download.
 *
 *   node bench/page-bundle.mjs          the measures, and a table by module
 *   npm run bench -- page-bundle        the measures, with the other benches' table
 *
 * The page script is dist/insitu.js. Its telemetry part is a difference: the script as scripts/build.mjs builds it, minus the
 * same entry with sdk/telemetry/telemetry.ts replaced by one that records nothing; both minified and gzipped at level 9. So a module
 * that the client needs anyway counts for the client, and one that is there for telemetry's sake counts for telemetry.
 *
 * A page whose visitor consents fetches dist/insitu.delivery.js besides. It is no part of the page script and has no goal,
 * but it is a cost of telemetry, so the table by module says what it weighs, and what both come to.
 *
 * The table tells which module the minified bytes come from: every stretch of the output belongs to the source that its
 * source map names. `gzip` is the module's share of the gzipped part, in proportion.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';

/** A page that pays more for being counted than for a small picture would ask why. */
const TELEMETRY_BYTES_MAX = 6_000;

const root = new URL('..', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));
const release = JSON.parse(readFileSync(path('package.json'), 'utf8')).version;

const INERT = `
const nothing = () => undefined;
export const createTelemetry = () => ({ recorderOf: () => ({ isCounting: nothing }), close: nothing });
`;
const withoutTelemetry = {
  name: 'inert-telemetry',
  load: (id) => (id === path('sdk/telemetry/telemetry.ts') ? { code: INERT, moduleType: 'js', moduleSideEffects: false } : null),
};

async function script(entry, plugins = []) {
  const transform = { define: { __RELEASE__: JSON.stringify(release), __IS_PAGE__: 'true' } };
  const build = await rolldown({ input: path(entry), transform, platform: 'browser', treeshake: true, plugins });
  const { output } = await build.generate({ format: 'esm', minify: true, codeSplitting: false, sourcemap: true });
  await build.close();
  const { code, map } = output[0];
  const text = code.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '');
  return {
    bytes: Buffer.byteLength(text),
    gzipBytes: gzipSync(text, { level: 9 }).length,
    bytesByModule: bytesByModule(text, map),
  };
}

/** Bytes of the output by the module that the source map names for them; null owns what no module is named for. */
function bytesByModule(code, { mappings, sources }) {
  const bytes = new Map();
  const lines = code.split('\n');
  let source = 0;
  for (const [index, segments] of mappings.split(';').entries()) {
    const text = lines[index] ?? '';
    let [start, owner] = [0, null];
    let column = 0;
    const giveUntil = (end) => {
      bytes.set(owner, (bytes.get(owner) ?? 0) + Buffer.byteLength(text.slice(start, end)));
      start = end;
    };
    for (const segment of segments.split(',').filter(Boolean)) {
      const [columns, sourceStep] = varints(segment);
      column += columns;
      giveUntil(column);
      source += sourceStep ?? 0;
      owner = sourceStep === undefined ? null : moduleName(sources[source]);
    }
    giveUntil(text.length);
  }
  return bytes;
}

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The numbers of one segment: base64 digits of five bits, least first, a sixth bit for more to come, the lowest bit the sign. */
function varints(segment) {
  const numbers = [];
  let [value, shift] = [0, 0];
  for (const character of segment) {
    const digit = DIGITS.indexOf(character);
    value |= (digit & 31) << shift;
    shift += 5;
    if (digit >= 32) continue;
    numbers.push(value & 1 ? -(value >> 1) : value >> 1);
    [value, shift] = [0, 0];
  }
  return numbers;
}

function moduleName(source) {
  return source.replace(/^.*node_modules\//, '').replace(/^(\.\.\/)+/, '');
}

const modulesOf = ({ bytesByModule: bytes }, less) =>
  [...bytes]
    .map(([name, count]) => ({ name: name ?? '(no module)', bytes: count - (less?.bytesByModule.get(name) ?? 0) }))
    .filter((module) => module.bytes > 0)
    .sort((a, b) => b.bytes - a.bytes);

async function weigh() {
  const [page, bare] = [await script('sdk/index.ts'), await script('sdk/index.ts', [withoutTelemetry])];
  const fetched = await script('sdk/delivery/delivery.ts');
  return [
    { title: 'telemetry in the page script', gzipBytes: page.gzipBytes - bare.gzipBytes, modules: modulesOf(page, bare) },
    { title: 'insitu.delivery.js, fetched on consent', gzipBytes: fetched.gzipBytes, modules: modulesOf(fetched) },
    { title: 'the page script without telemetry', gzipBytes: bare.gzipBytes, modules: modulesOf(bare) },
  ];
}

export default async function bench() {
  const [inPage, fetched] = await weigh();
  const unit = 'B min+gzip';
  const other = { name: 'budget of the page script', values: [TELEMETRY_BYTES_MAX] };
  const both = { name: 'both files', values: [inPage.gzipBytes + fetched.gzipBytes] };
  return [
    { measure: inPage.title, unit, ours: { name: 'page script', values: [inPage.gzipBytes] }, other, goal: 1 },
    { measure: `the same and ${fetched.title}`, unit, ours: both, other, goal: null },
  ];
}

async function print() {
  const parts = await weigh();
  const line = (name, bytes, gzip) => process.stdout.write(`${name.padEnd(44)}${String(bytes).padStart(10)}${String(gzip).padStart(9)}\n`);
  for (const { title, gzipBytes, modules } of parts) {
    const total = modules.reduce((sum, { bytes }) => sum + bytes, 0);
    line(title, 'minified', '~gzip');
    for (const { name, bytes } of modules) line(`  ${name}`, bytes, Math.round((bytes / total) * gzipBytes));
    line('  all', total, gzipBytes);
  }
  const [inPage, fetched] = parts;
  const holds = inPage.gzipBytes <= TELEMETRY_BYTES_MAX;
  process.stdout.write(`in the page script ${inPage.gzipBytes} B, ${holds ? 'holds' : 'MISSED'} (≤ ${TELEMETRY_BYTES_MAX}); `);
  process.stdout.write(`with consent ${inPage.gzipBytes + fetched.gzipBytes} B, min+gzip\n`);
  process.exitCode = holds ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await print();
