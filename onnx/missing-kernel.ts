/**
 * Missing kernel: how the runtime says that the build of it which was asked has no code for an operator of the model, or none for its type.
 *
 * Why it matters which build: the builds with GPU providers are made without the operators of `ai.onnx.ml` and without most of float64,
 * on the CPU too; the plain build has both. Another build cures it, while no other provider of the same build does.
 *
 * Source: onnxruntime 1.30, graph.cc ("No Op registered for"), inference_session.cc ("Could not find an implementation for"), graph_partitioner.cc
 * ("Failed to find kernel for"); pinned by test/browser/load/strangers.test.ts.
 */
const MISSING = /(?:No Op registered for|Could not find an implementation for|Failed to find kernel for) ([\w.]+)/;

/** The operator, or null when the runtime says something else. An error of ours has the runtime's own as its cause. */
export function missingKernel(error: unknown): string | null {
  const { cause } = Object(error) as { readonly cause?: unknown };
  return MISSING.exec(String(error))?.[1] ?? (cause === undefined ? null : missingKernel(cause));
}
