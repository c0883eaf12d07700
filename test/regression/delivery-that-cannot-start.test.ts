/** Where the file that delivers was not found, forbidden or rewritten by a bundler, nothing said that nothing was counted. */
import { expect, test } from 'vitest';
import { SdkError } from '../../protocol/errors.ts';
import type { TelemetryFiles } from '../../sdk/telemetry/level.ts';
import { createTelemetry } from '../../sdk/telemetry/telemetry.ts';
import { fixedPlatform } from '../fixtures/fixed-platform.ts';
import { telemetryFiles } from '../harness/telemetry-files.ts';

const missing = async () => {
  throw new SdkError('asset-unreachable', { asset: 'insitu.delivery.js', reason: 'Failed to fetch dynamically imported module' });
};
const CASES: readonly (readonly [what: string, delivery: () => Promise<unknown>, advice: string])[] = [
  ['a file that cannot be fetched', missing, 'script-src'],
  ['a file that exports nothing', async () => ({}), 'bundlers copy'],
  ['a file that is a page', async () => ({ openDelivery: '<!doctype html>' }), 'bundlers copy'],
];

test.each(CASES)('with %s status says not-started, and the logger is told once what to do', async (_what, delivery, advice) => {
  const told: string[] = [];
  const logger = (level: string, code: string, message: string) => void told.push(`${level} ${code} ${message}`);
  const files = { ...telemetryFiles, delivery: delivery as TelemetryFiles['delivery'] };
  const options = { collector: { url: 'https://c.example', key: 'k' }, consent: 'granted', logger } as const;
  const telemetry = createTelemetry(options, { files, platform: fixedPlatform() });
  let changeCount = 0;
  telemetry.subscribe(() => changeCount++);
  await telemetry.grant();
  await telemetry.flush();
  expect(telemetry.status().problem).toBe('not-started');
  expect(told).toEqual([expect.stringMatching(/^error telemetry-not-started /)]);
  expect(told[0]).toContain(advice);
  expect(changeCount).toBeGreaterThan(0);
  await telemetry.close();
});
