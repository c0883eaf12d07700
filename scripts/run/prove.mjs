/**
 * Prove: claims at full size, test by test, resumable.
 *
 *     npm run prove            lists the proofs and runs what is not yet proven for these sources
 *     npm run prove -- NAME    one of them (test/prove/NAME.prove.test.ts)
 *     npm run prove -- --list  only lists
 *
 * Invariants
 *  - A part is one test; its title names its size. It has 60 minutes and is recorded under `.insitu/prove/` when it ends.
 *  - A record counts for exactly the sources it was made with: product, tests and lock file, by content.
 *
 * Not here: the proofs (test/prove).
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isBuildFresh } from './freshness.mjs';
import { ensurePackages, root } from './packages.mjs';
import { roomsWithout } from './rooms.mjs';
import { build, vitest } from './steps.mjs';

const PART_LIMIT_MS = 3_600_000;
const SUFFIX = '.prove.test.ts';
const SOURCES = [...roomsWithout(['bench', 'demo']), 'models', 'package-lock.json', 'scripts/build.mjs'];
const records = join(root, '.insitu/prove');

function sourceHash() {
  const hash = createHash('sha256');
  const visit = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const inner = join(path, entry.name);
      if (entry.isDirectory()) visit(inner);
      else if (entry.isFile()) hash.update(inner.slice(root.length)).update('\0').update(readFileSync(inner));
    }
  };
  for (const source of SOURCES) {
    const path = join(root, source);
    if (source.includes('.')) hash.update(source).update('\0').update(readFileSync(path));
    else visit(path);
  }
  return hash.digest('hex').slice(0, 16);
}

/** @param {string} name @returns {string[]} full titles of the parts */
function partsOf(name) {
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'list', `test/prove/${name}${SUFFIX}`, '--project=prove', '--json'];
  const listed = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  return JSON.parse(listed.slice(listed.indexOf('['))).map((part) => part.name);
}

/** @param {string} name @param {string} part @param {string} hash @returns {Promise<boolean>} */
async function provePart(name, part, hash) {
  const record = join(records, `${name}-${createHash('sha256').update(part).digest('hex').slice(0, 12)}.json`);
  const known = existsSync(record) ? JSON.parse(readFileSync(record, 'utf8')) : null;
  if (known?.hash === hash && known.hasPassed) {
    process.stdout.write(`proven before, in ${known.durationS} s: ${name}: ${part}\n`);
    return true;
  }
  const startMs = performance.now();
  const pattern = `^${part.replaceAll(' > ', ' ').replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}$`;
  const args = [`test/prove/${name}${SUFFIX}`, '-t', pattern];
  const { passed, failed } = await vitest('prove', { args, env: { INSITU_PROVE: '1' }, limitMs: PART_LIMIT_MS });
  const hasPassed = passed === 1 && failed === 0;
  const durationS = Math.round((performance.now() - startMs) / 1000);
  mkdirSync(records, { recursive: true });
  writeFileSync(record, `${JSON.stringify({ name, part, hash, hasPassed, durationS })}\n`);
  process.stdout.write(`${hasPassed ? 'proven' : 'NOT PROVEN'} in ${durationS} s: ${name}: ${part}\n`);
  return hasPassed;
}

async function run() {
  const wanted = process.argv.slice(2).filter((arg) => !arg.startsWith('--'));
  const folder = join(root, 'test/prove');
  const names = (existsSync(folder) ? readdirSync(folder) : [])
    .filter((file) => file.endsWith(SUFFIX))
    .map((file) => file.slice(0, -SUFFIX.length));
  const unknown = wanted.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    process.stderr.write(`There is no proof ${unknown.join(', ')}; there are: ${names.join(', ') || 'none yet'}.\n`);
    return false;
  }
  if (!ensurePackages()) return false;
  const chosen = names.filter((name) => wanted.length === 0 || wanted.includes(name));
  const parts = chosen.flatMap((name) => partsOf(name).map((part) => ({ name, part })));
  for (const { name, part } of parts) process.stdout.write(`${name}: ${part}\n`);
  if (parts.length === 0) process.stdout.write('There is no proof in test/prove yet.\n');
  if (process.argv.includes('--list')) return true;
  if (parts.length > 0 && !isBuildFresh() && (await build()).failed > 0) return false;
  const hash = sourceHash();
  let provenCount = 0;
  for (const { name, part } of parts) if (await provePart(name, part, hash)) provenCount++;
  process.stdout.write(`${provenCount} of ${parts.length} proven for sources ${hash}\n`);
  return provenCount === parts.length;
}

process.exitCode = (await run()) ? 0 : 1;
