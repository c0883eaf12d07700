/**
 * Trusted threads: lets the runtime start its threads where this worker's own answer demands Trusted Types.
 *
 * Why: many servers send one Content-Security-Policy with every file, so with the worker's too, and the runtime hands the
 * Worker constructor a plain address. A `default` policy would do as well, but then the page would have to allow that name.
 *
 * Invariants
 *  - Changes this realm only, which is ours alone, and only where there are Trusted Types.
 *  - The constructor still refuses other origins; which addresses the runtime names is its own code, loaded from our assets.
 *
 * Source: W3C Trusted Types, "createPolicy"; onnxruntime-web 1.30 starts threads by `new Worker(new URL(…))`.
 */
interface PolicyFactory {
  createPolicy(name: string, rules: { createScriptURL: (url: string) => string }): { createScriptURL: (url: string) => string };
}

export function trustThreads(): void {
  const { trustedTypes } = globalThis as { trustedTypes?: PolicyFactory };
  if (trustedTypes === undefined) return;
  let policy: ReturnType<PolicyFactory['createPolicy']>;
  try {
    policy = trustedTypes.createPolicy('insitu', { createScriptURL: (url) => url });
  } catch {
    // Not among the names that `trusted-types` allows here: the engine decides, and the runtime says what it did.
    return;
  }
  self.Worker = class extends self.Worker {
    constructor(url: string | URL, options?: WorkerOptions) {
      super(policy.createScriptURL(String(url)), options);
    }
  };
}
