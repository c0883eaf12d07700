/**
 * Page scripts: one way to carry a function and its arguments into a page of any engine.
 *
 * Why: three drivers serialise differently (undefined, NaN, errors, promises). A script here takes JSON and answers
 * with one JSON string, so that a test means the same in all engines.
 *
 * Invariants
 *  - The page always answers `{value}` or `{error}`; a rejection in the page is rethrown here with its name, code and message.
 *  - A function must close over nothing. `import()` inside it works: the test runner rewrites it, and the name that the
 *    runner writes is defined here.
 *
 * Not here: how an engine runs the script (chromium.ts, firefox.ts, webkit.ts).
 */

export type PageFunction<Args extends unknown[] = never[], Result = unknown> = (...args: Args) => Result | Promise<Result>;

interface Answer {
  value?: unknown;
  error?: { name: string; message: string; code?: string; stack?: string };
}

/** An expression for the page whose value is a promise of a JSON string. A source that is a function is called. */
export function pageExpression(source: ((...args: never[]) => unknown) | string, args: readonly unknown[]): string {
  return `(async () => {
  const __vite_ssr_dynamic_import__ = (url) => import(new URL(url, document.baseURI).href);
  try {
    const subject = (${String(source)}\n);
    const value = await (typeof subject === 'function' ? subject(...${scriptJson(args)}) : subject);
    return JSON.stringify({ value });
  } catch (error) {
    const { name, message, code, stack } = Object(error);
    return JSON.stringify({ error: { name: String(name ?? 'Error'), message: String(message ?? error), code, stack } });
  }
})()`;
}

function scriptJson(args: readonly unknown[]): string {
  return JSON.stringify(args.map((arg) => arg ?? null)).replace(/[\u2028\u2029]/g, (separator) =>
    separator === '\u2028' ? '\\u2028' : '\\u2029',
  );
}

/** What the page answered: its value, or its error thrown here. */
export function pageAnswer(json: unknown): unknown {
  if (typeof json !== 'string') throw new Error(`the page answered ${String(json)} instead of JSON; was it closed or navigated?`);
  const { value, error } = JSON.parse(json) as Answer;
  if (error === undefined) return value;
  const thrown = new Error(`in the page: ${error.name}: ${error.message}`, { cause: error.stack });
  throw Object.assign(thrown, { pageErrorName: error.name, code: error.code });
}
