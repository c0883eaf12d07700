/**
 * Trusted Types: the page's one script URL, vouched for where the page demands it (`require-trusted-types-for 'script'`).
 *
 * Why a policy that changes nothing: only this file can reach it, and only the worker's own address goes through it, so
 * its name in `trusted-types insitu` says exactly "insitu may start its worker".
 *
 * Invariants
 *  - Where there are no Trusted Types, or the page forbids the policy, the plain string is used and the engine decides.
 *  - One policy per copy of the library; a page with two copies needs `'allow-duplicates'`.
 *
 * Source: W3C Trusted Types, "createPolicy"; HTML standard, the Worker constructor.
 */
interface Policy {
  /** In truth a TrustedScriptURL, which the compiler's DOM does not know yet. */
  createScriptURL(url: string): string;
}

interface PolicyFactory {
  createPolicy(name: string, rules: Policy): Policy;
}

const asItIs: Policy = { createScriptURL: (url) => url };
let policy: Policy | null = null;
let isRefused = false;

/** What the Worker constructor takes for this address. */
export function trustedUrl(url: string): string {
  policy ??= createPolicy();
  return policy.createScriptURL(url);
}

/** What helps where the engine has refused to start the worker. */
export function refusalAdvice(): string {
  return isRefused
    ? "Name `insitu` in the trusted-types directive of the page's Content-Security-Policy, with 'allow-duplicates' where the page holds two copies of insitu."
    : "Check worker-src and require-trusted-types-for in the page's Content-Security-Policy.";
}

function createPolicy(): Policy {
  const { trustedTypes } = globalThis as { trustedTypes?: PolicyFactory };
  try {
    return trustedTypes?.createPolicy('insitu', asItIs) ?? asItIs;
  } catch {
    // Not among the names that the page's `trusted-types` allows, or another copy of this library has it.
    isRefused = true;
    return asItIs;
  }
}
