/**
 * Write keys: which keys pages may report with, and about which models.
 *
 *     shop                    about every model that is registered here
 *     shop=digits             about the model of that name, in all its versions
 *     shop=digits+9f3c02d1…   about several; one version alone by its 16 hex digits
 *
 * Why: a key is public, as any key in a page. One that names its models cannot be used to write into those of another site.
 *
 * Invariants
 *  - A key without models stays what it was: one site, all models.
 *
 * Not here: refusing a report (collector/http/report-routes.ts).
 */
import { StartupError } from './startup-error.ts';

/** By key: names and versions of the models that it may report about; null for all. */
export type WriteKeys = ReadonlyMap<string, ReadonlySet<string> | null>;

/** @throws {StartupError} for a text that is no key. */
export function readWriteKeys(texts: readonly string[]): WriteKeys {
  const keys = new Map<string, ReadonlySet<string> | null>();
  for (const text of texts) {
    const [, key, models] = /^([\w-]{1,128})(?:=(.+))?$/.exec(text.trim()) ?? [];
    const names = models?.split('+').map((name) => name.trim());
    if (key === undefined || keys.has(key) || names?.includes('')) throw unusable(text, keys.has(key ?? ''));
    keys.set(key, names === undefined ? null : new Set(names));
  }
  if (keys.size === 0) throw new StartupError('There is no write key, so no page could report. Name one, for example my-site.');
  return keys;
}

function unusable(text: string, isSecond: boolean): StartupError {
  const form = 'A write key is letters, digits, - and _, alone or with the models it may report about: key or key=model+model.';
  return new StartupError(
    isSecond ? `The write key of "${text}" is there twice. Name all its models once.` : `"${text}" is no write key. ${form}`,
  );
}
