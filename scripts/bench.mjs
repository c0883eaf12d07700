/**
 * Runs one side-by-side benchmark.
 *
 *   npm run bench                    lists the benches
 *   npm run bench -- NAME            medians with min–max, ratio and goal, as a table
 *   npm run bench -- NAME --json     one line per measure: {bench, measure, ours, other, against, unit, ratio, goal, holds}
 *
 * A bench is a module bench/NAME.ts; it is bundled into .build/ because Node 20 does not read TypeScript. A missed goal
 * is printed and is no failure of the command: machines differ, the numbers are for people to judge.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = new URL('..', import.meta.url).pathname;
process.chdir(root);
const [name, ...flags] = process.argv.slice(2);
const names = readdirSync('bench')
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.slice(0, -3));

if (name === undefined || !names.includes(name)) {
  if (name !== undefined) process.stderr.write(`There is no bench "${name}".\n`);
  process.stdout.write(`Benches: ${names.join(', ')}\nRun one with: npm run bench -- NAME [--json]\n`);
  process.exit(name === undefined ? 0 : 2);
}

/** Bundles a module for Node, packages left outside, and imports it. */
async function load(input) {
  const file = `.build/${input.replace(/\.ts$/, '.mjs')}`;
  mkdirSync('.build', { recursive: true });
  const build = await rolldown({ input, platform: 'node', external: /^[a-z@](?!:)/ });
  await build.write({ file, format: 'esm', codeSplitting: false });
  await build.close();
  return import(pathToFileURL(root + file).href);
}

const { lineOf, tableOf } = await load('bench/harness/measures.ts');
const { default: bench } = await load(`bench/${name}.ts`);
const measures = await bench();
if (flags.includes('--json')) for (const measure of measures) process.stdout.write(`${JSON.stringify(lineOf(name, measure))}\n`);
else process.stdout.write(`${tableOf(name, measures)}\n`);
