/**
 * A language that can be read, before uPlot asks the browser for it.
 *
 * Why: uPlot makes a number format of `navigator.language` when it is imported. A browser whose system says "C" or "POSIX" gives that for its
 * language, which is no language tag: the format throws, and with it went the whole dashboard, which stayed at "Connecting …".
 *
 * Invariants
 *  - A language that can be read stays what it is.
 *
 * Source: RFC 5646 (language tags); uPlot 1.6, `numFormatter`.
 */

try {
  Intl.getCanonicalLocales(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en', configurable: true });
}
