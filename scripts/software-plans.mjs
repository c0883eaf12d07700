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
const BUNDLE = path('.build/software-plan.mjs');

const build = await rolldown({ input: path('counts/plans/software-plan.ts') });
await build.write({ file: BUNDLE, format: 'esm' });
await build.close();
const { SOFTWARE_PLAN, softwareSources } = await import(pathToFileURL(BUNDLE).href);
const layout = JSON.stringify([SOFTWARE_PLAN.report, SOFTWARE_PLAN.metrics.map(({ id, cells }) => [id, cells])]);
const hash = createHash('sha256').update(layout).digest('hex').slice(0, 16);
const release = JSON.parse(definitions.__RELEASE__);

const written = JSON.parse(readFileSync(FILE, 'utf8'));
const before = written.filter((entry) => entry.release !== release && entry.hash !== hash);
// A release that changes nothing but words has no entry of its own.
const first = written.find((entry) => entry.hash === hash)?.release ?? release;
const entries = [...before, { release: first, hash, metrics: softwareSources() }];
writeFileSync(FILE, `${JSON.stringify(entries, null, 1)}\n`);
process.stdout.write(`${FILE}: ${entries.map((entry) => `${entry.release} ${entry.hash}`).join(', ')}\n`);
