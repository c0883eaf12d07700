/**
 * Runs the side-by-side benchmarks.
 *
 *   npm run bench                    all of them
 *   npm run bench -- NAME …          these: medians with min–max, ratio and goal, as a table
 *   npm run bench -- NAME … --json   one line per measure: {bench, measure, ours, other, against, unit, ratio, goal, holds}
 *
 * A bench is a module bench/NAME.ts or bench/NAME.mjs; it is bundled into .build/ because Node 20 does not read TypeScript.
 * Exits with 1 when a goal is missed, and goes on to the next bench first. Timings are ratios of medians of interleaved
 * rounds, so that a busy machine hits both sides; a bound in nanoseconds needs a machine that is otherwise idle.
 */
import { mkdirSync, readdirSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = fileURLToPath(new URL('..', import.meta.url));
process.chdir(root);
const args = process.argv.slice(2);
const isJson = args.includes('--json');
const files = readdirSync('bench').filter((file) => /\.(ts|mjs)$/.test(file));
const names = files.map((file) => file.replace(/\.\w+$/, ''));
const asked = args.filter((arg) => arg !== '--json');
const unknown = asked.find((name) => !names.includes(name));
if (unknown !== undefined) {
  process.stderr.write(`There is no bench "${unknown}". Benches: ${names.join(', ')}\n`);
  process.exit(2);
}

/** Bundles a module for Node, packages left outside, and imports it. */
async function load(input) {
  if (input.endsWith('.mjs')) return import(pathToFileURL(root + input).href);
  const file = `.build/${input.replace(/\.ts$/, '.mjs')}`;
  mkdirSync('.build', { recursive: true });
  const build = await rolldown({ input, platform: 'node', external: /^[a-z@](?!:)/ });
  await build.write({ file, format: 'esm', codeSplitting: false });
  await build.close();
  return import(pathToFileURL(root + file).href);
}

const { lineOf, tableOf } = await load('bench/harness/measures.ts');
for (const [index, name] of names.entries()) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const { default: bench } = await load(`bench/${files[index]}`);
  const measures = await bench();
  const lines = measures.map((measure) => lineOf(name, measure));
  if (isJson) for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`);
  else process.stdout.write(`${name}\n${tableOf(name, measures)}\n\n`);
  if (!lines.every(({ holds }) => holds)) process.exitCode = 1;
}
