/**
 * A process of its own that makes one session in the build with GPU providers, on the CPU, and says what became of it.
 *
 * Why a process: that build takes a gigabyte and a minute to be optimised by the engine, which nobody needs for one session, and which only
 * an option of the whole process turns off; and its heap never shrinks.
 *
 * In: the runtime's address; on stdin `{ graph, external, isOptimized }`, serialised. Out: one line of JSON, the error's text or null.
 */
import { deserialize } from 'node:v8';

const pieces = [];
for await (const piece of process.stdin) pieces.push(piece);
const { graph, external, isOptimized } = deserialize(Buffer.concat(pieces));
const runtime = await import(process.argv[2]);
runtime.env.wasm.numThreads = 1;
runtime.env.logLevel = 'fatal';

async function failure() {
  try {
    await runtime.InferenceSession.create(graph, {
      executionProviders: ['wasm'],
      graphOptimizationLevel: isOptimized ? 'disabled' : 'all',
      externalData: external,
      logSeverityLevel: 4,
    });
    return null;
  } catch (error) {
    return String(error);
  }
}

process.stdout.write(`${JSON.stringify(await failure())}\n`, () => process.exit(0));
