/**
 * An endpoint of the table (protocol/read/endpoints.ts) as the router takes it: its path, and what its query says.
 *
 * Invariants
 *  - A parameter that the table would refuse never reaches a route.
 */
import type { Context, Handler, Hono } from 'hono';
import { RETRY_AFTER_READ_S } from '../../protocol/limits.ts';
import type { Endpoint, Parameter, Taken } from '../../protocol/read/endpoints.ts';

export function addEndpoint(app: Hono, { method, path }: Endpoint, answer: Handler): void {
  app.on(method, path.replaceAll(/\{(\w+)\}/g, ':$1'), answer);
}

/** For a reader behind too many others. */
export function askAgain(c: Context): Response {
  c.header('Retry-After', String(RETRY_AFTER_READ_S));
  return c.text('Others are being answered; ask again.', 503);
}

/** What HEAD gets: headers alone. */
export function headOf(c: Context, contentType: string): Response {
  return c.body(null, 200, { 'Content-Type': contentType });
}

/** The parameters of a query, or a sentence about the first that is wrong. What the table does not name is passed over. */
export function readQuery<P extends Readonly<Record<string, Parameter>>>(
  parameters: P,
  query: Readonly<Record<string, string>>,
): Taken<P> | string {
  const taken: Record<string, string | number | null> = {};
  for (const [name, parameter] of Object.entries(parameters)) {
    const value = valueAt(parameter, query[name]);
    if (value === undefined) return wrong(name, parameter);
    taken[name] = value;
  }
  return taken as Taken<P>;
}

/** The sentence about a parameter that is not what it must be. */
export function wrong(name: string, { must }: Parameter): string {
  return `\`${name}\` must ${must}.`;
}

/** undefined when it is wrong. */
function valueAt({ schema, isRequired }: Parameter, given: string | undefined): string | number | null | undefined {
  if (given === undefined) {
    if (isRequired) return undefined;
    return schema.type === 'integer' ? (schema.default ?? null) : null;
  }
  if (schema.type === 'integer') {
    const value = /^\d{1,15}$/.test(given) ? Number(given) : Number.NaN;
    return value >= schema.minimum && value <= schema.maximum ? value : undefined;
  }
  const isListed = schema.enum === undefined || schema.enum.includes(given);
  return isListed && (schema.pattern === undefined || new RegExp(schema.pattern).test(given)) ? given : undefined;
}
