/**
 * Option rules: what the checks of every realm have in common, and the collector's address, which page and service worker take alike.
 *
 * Not here: the options of a page (option-checks.ts).
 */
import { SdkError } from '../../protocol/errors.ts';
import { canResolve } from './foreign.ts';
import type { TelemetryOptions } from './telemetry.ts';

/** All names that an option has, so that one that is written otherwise is noticed. */
export type Names<T> = Readonly<Record<keyof T, true>>;

type Collector = NonNullable<TelemetryOptions['collector']>;
const COLLECTOR: Names<Collector> = { url: true, key: true };

/** @throws {SdkError} `invalid-option` */
export function checkCollector(collector: Collector): void {
  requireKnown('collector', collector, COLLECTOR);
  const { url, key } = collector;
  // `insitu.example.org` would be a file beside the page, and `localhost:8080` a scheme of its own.
  const isAddress = typeof url === 'string' && /^(https?:|[./])/i.test(url) && canResolve(url);
  require('collector.url', isAddress, 'it must be the address of the collector and begin with https:// or http://');
  require('collector.key', typeof key === 'string' && /^[\w-]{1,128}$/.test(key), 'it must be a write key: letters, digits, - and _');
}

export function requireKnown(option: string, given: object, known: Readonly<Record<string, true>>): void {
  if (typeof given !== 'object' || given === null) require(option, false, 'it must be an object');
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(known, name) || given[name as never] === undefined) continue;
    // Not which: it may be what a person typed. Nor what was meant: that search is for the tools, which no visitor waits for.
    require(option, false, `one of its names is unknown; known are ${Object.keys(known).join(', ')}`);
  }
}

export function require(option: string, holds: boolean, reason: string): void {
  if (!holds) throw new SdkError('invalid-option', { option, reason });
}
