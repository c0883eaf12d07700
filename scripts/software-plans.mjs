/**
 * Writes the present software plan into counts/plans/released-software-plans.json, for the collectors of later releases.
 *
 *   node scripts/software-plans.mjs
 *
 * Run it after a change of counts/plans/software-layout.ts or software-plan.ts. An entry of the release in package.json is replaced, so
 * raise the version first if that release is published: its pages count by the plan that is written there.
 */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';
import { definitions } from './definitions.mjs';

const root = new URL('..', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));
const FILE = path('counts/plans/released-software-plans.json');
const FOLDER = path('.build/software-plan');

const names = ['software-plan', 'software-layout'];
const build = await rolldown({ input: Object.fromEntries(names.map((name) => [name, path(`counts/plans/${name}.ts`)])) });
await build.write({ dir: FOLDER, format: 'esm', entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' });
await build.close();
const [{ SOFTWARE_PLAN }, { SOFTWARE_LAYOUT }] = await Promise.all(
  names.map((name) => import(pathToFileURL(`${FOLDER}/${name}.mjs`).href)),
);
const metrics = SOFTWARE_PLAN.metrics.map(({ id, title, unit, why }) => ({ id, title, unit, why, cells: SOFTWARE_LAYOUT[id] }));
const layout = JSON.stringify([SOFTWARE_PLAN.report, SOFTWARE_PLAN.metrics.map(({ id, cells }) => [id, cells])]);
const hash = createHash('sha256').update(layout).digest('hex').slice(0, 16);
const release = JSON.parse(definitions.__RELEASE__);

const written = JSON.parse(readFileSync(FILE, 'utf8'));
const before = written.filter((entry) => entry.release !== release && entry.hash !== hash);
// A release that changes nothing but words has no entry of its own.
const first = written.find((entry) => entry.hash === hash)?.release ?? release;
const entries = [...before, { release: first, hash, metrics }];
writeFileSync(FILE, `${JSON.stringify(entries, null, 1)}\n`);
process.stdout.write(`${FILE}: ${entries.map((entry) => `${entry.release} ${entry.hash}`).join(', ')}\n`);
