/**
 * The build with GPU providers, asked in Node which kernels it has.
 *
 * Why asked and not looked up: a list would be of one release, and what is missing depends on the types in the graph as much as on its
 * operators. The build answers for a model by making a session of it on the CPU, which is in each build. A kernel that it lacks there was
 * left out of it altogether: what falls back from a GPU to wasm stays in that build.
 *
 * Invariants
 *  - Nothing is run. Whatever else goes wrong is no answer.
 *
 * Not here: the session itself (gpu-probe.mjs), nor the build for JSPI, which is made of the same sources
 * (test/browser/load/strangers.test.ts runs such models).
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { serialize } from 'node:v8';
import { missingKernel } from '../../onnx/missing-kernel.ts';
import type { ModelFiles } from '../../onnx/model-files.ts';
import { webgpuModule } from '../../protocol/shipped-files.json';

/** Where the published package keeps it, seen from dist/node/. */
const PUBLISHED_RUNTIME = new URL(`../${webgpuModule}`, import.meta.url);
const PROBE = fileURLToPath(new URL('./gpu-probe.mjs', import.meta.url));
/** A session of two gigabytes on a slow disk takes less. */
const PROBE_MS_MAX = 120_000;

/**
 * The first operator of the model that this build has no kernel for; null where it has all, or does not answer.
 *
 * @param isOptimized The graph was optimised before, and is run as it is.
 */
export function missingInGpuBuild({ graph, external }: ModelFiles, isOptimized: boolean): Promise<string | null> {
  return new Promise((resolve) => {
    const probe = spawn(process.execPath, ['--liftoff-only', PROBE, runtimeUrl()], { stdio: ['pipe', 'pipe', 'ignore'] });
    const timer = setTimeout(() => probe.kill('SIGKILL'), PROBE_MS_MAX);
    let answer = '';
    probe.stdout.on('data', (piece) => {
      answer += piece;
    });
    const end = () => {
      clearTimeout(timer);
      resolve(missingKernel(answer));
    };
    probe.on('error', end);
    probe.on('close', end);
    // One that has ended early does not read to the end.
    probe.stdin.on('error', () => undefined);
    probe.stdin.end(serialize({ graph, external, isOptimized }));
  });
}

function runtimeUrl(): string {
  if (existsSync(PUBLISHED_RUNTIME)) return PUBLISHED_RUNTIME.href;
  return pathToFileURL(createRequire(import.meta.url).resolve('onnxruntime-web/webgpu')).href;
}
