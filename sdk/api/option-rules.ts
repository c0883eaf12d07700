/**
 * Option rules: what the checks of every realm have in common, and the collector's address, which page and service worker take alike.
 *
 * Not here: the options of a page (option-checks.ts).
 */
import { SdkError } from '../../protocol/errors.ts';
import { canResolve } from './foreign.ts';
import type { TelemetryOptions } from './telemetry.ts';

interface Known {
  readonly [name: string]: true | Known;
}
/** All names that an option has, so that one that is written otherwise is noticed; of an option that has names of its own, those. */
export type Names<T> = Readonly<Record<keyof T, true | Known>>;

type Collector = NonNullable<TelemetryOptions['collector']>;
const COLLECTOR: Names<Collector> = { url: true, key: true };

/** @throws {SdkError} `invalid-option` */
export function checkCollector(collector: Collector): void {
  requireKnown('collector', collector, COLLECTOR);
  const { url, key } = collector;
  // `insitu.example.org` would be a file beside the page, and `localhost:8080` a scheme of its own.
  const isAddress = typeof url === 'string' && /^(https?:|[./])/i.test(url) && canResolve(url);
  require('collector.url', isAddress, 'the address of the collector and begin with https:// or http://');
  require('collector.key', typeof key === 'string' && /^[\w-]{1,128}$/.test(key), 'a write key: letters, digits, - and _');
}

/** What the caller gave, without what a library has written on every object's prototype. */
export function requireKnown<T extends object>(option: string, given: T, known: Known): T {
  require(option, typeof given === 'object' && given !== null, 'an object');
  const own = { __proto__: null, ...given } as Record<string, unknown>;
  for (const name in own) {
    const value = own[name];
    if (value === undefined) continue;
    // Not which: it may be what a person typed. Nor what was meant: that search is for the tools, which no visitor waits for.
    if (!Object.hasOwn(known, name))
      throw new SdkError('invalid-option', { option, reason: `one of its names is unknown; known are ${Object.keys(known).join(', ')}` });
    if (known[name] !== true) own[name] = requireKnown(name, value as object, known[name] as Known);
  }
  return own as T;
}

/** @param what Goes on from "it must be". */
export function require(option: string, holds: boolean, what: string): void {
  if (!holds) throw new SdkError('invalid-option', { option, reason: `it must be ${what}` });
}
