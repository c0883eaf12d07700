/**
 * Counts that do not arrive, or are not made at all, looked in `<insitu-sent>` like counts that wait for their turn.
 */
import { expect } from 'vitest';
import { withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';

const SHOWN = `async (problem, texts) => {
  await import('/insitu/insitu.element.js');
  const status = {
    consent: 'granted', offReason: null, privacy: 'counts', isPaused: false, storage: 'memory', problem,
    openRuns: 0, outboxWindows: 2, outboxBytes: 80, sentWindows: 0, nextAttemptAtMs: null,
  };
  const element = document.createElement('insitu-sent');
  element.texts = texts;
  element.telemetry = { status: () => status, inspect: async () => [], subscribe: () => () => undefined };
  document.body.append(element);
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  const { textContent } = element.shadowRoot.querySelector('[part=figures]');
  element.remove();
  return textContent;
}`;

browserTest('what stands between counts and collector is said, in the site’s own words where it has some', async ({ page }) => {
  await withServer(page, async () => {
    const shown = (problem: string | null, texts = {}) => page.evaluate<string>(SHOWN, problem, texts);
    const said: readonly (readonly [string, string])[] = [
      ['not-started', 'nothing is counted'],
      ['not-the-collector', 'Something other than the collector'],
      ['not-answered', 'No collector answered'],
      ['answer-stripped', 'without its proof'],
      ['older-collector', 'older release'],
      ['unknown-key', 'this site’s key'],
      ['unregistered-model', 'this model'],
    ];
    for (const [problem, words] of said) expect(await shown(problem)).toContain(words);
    expect(await shown('unknown-key', { 'unknown-key': 'Unbekannter Schlüssel.' })).toMatch(/ Unbekannter Schlüssel\.$/);
    expect(await shown(null)).toMatch(/Taken: 0\.$/);
  });
});
