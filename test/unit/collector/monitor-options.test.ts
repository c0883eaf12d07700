/**
 * What an owner says of the monitor in the configuration file: what holds for which model, and what is refused with which words.
 */
import { expect, test } from 'vitest';
import { optionsFor, readMonitorOptions } from '../../../collector/monitoring/monitor-options.ts';
import { readMonitoringAct } from '../../../collector/monitoring/orders.ts';
import type { Registration } from '../../../collector/store/store.ts';
import { MONITOR_DEFAULTS } from '../../../counts/monitor/monitor.ts';

const model = (name: string, modelVersion: string) => ({ name, modelVersion }) as Registration;

test('a version outranks a name, a name the default, and what is not said is the product’s own', () => {
  const owners = readMonitorOptions({
    default: { budget: 2 },
    models: { digits: { tolerance: 0.01 }, aaaa: { burnInDays: 35, tolerance: 0 } },
  });
  expect(optionsFor(owners, model('other', 'b'))).toEqual({ ...MONITOR_DEFAULTS, budget: 2 });
  expect(optionsFor(owners, model('digits', 'b'))).toEqual({ ...MONITOR_DEFAULTS, budget: 2, tolerance: 0.01 });
  expect(optionsFor(owners, model('digits', 'aaaa'))).toEqual({ budget: 2, tolerance: 0, burnInDays: 35 });
  expect(optionsFor(readMonitorOptions(undefined), model('digits', 'aaaa'))).toEqual(MONITOR_DEFAULTS);
});

test.each([
  [[], '"monitor" must be an object'],
  [{ models: 3 }, '"monitor.models" must be an object'],
  [{ budget: 1 }, '"monitor" has no field "budget"; it takes default, models'],
  [{ default: { bugdet: 1 } }, '"monitor.default" has no field "bugdet"'],
  [{ default: { budget: '1' } }, '"budget" and "burnInDays" are numbers'],
  [{ default: { budget: 0 } }, '"monitor.default": budget is 0'],
  [{ models: { digits: { tolerance: 1 } } }, '"monitor.models" of "digits": tolerance is 1'],
  [{ models: { digits: { burnInDays: 1e9 } } }, 'burnInDays is 1000000000'],
])('%j is refused', (json, sentence) => {
  expect(() => readMonitorOptions(json)).toThrow(sentence);
});

test.each([
  [null, 'was expected'],
  [{ act: 'forget' }, 'was expected'],
  [{ act: 'accept', fromMs: 1 }, '"fromMs" is no field here'],
  [{ act: 'rebase', fromMs: 'now' }, '"fromMs" must be'],
  [{ act: 'rebase', metrics: [] }, '"metrics" must be'],
  [{ act: 'rebase', metrics: [1] }, '"metrics" must be'],
  [{ act: 'inherit' }, '"from" must be'],
  [{ act: 'accept', text: '' }, '"text" must be'],
])('the act %j is refused', (json, sentence) => {
  expect(readMonitoringAct(json)).toMatchObject({ ok: false, code: 'body-invalid', sentence: expect.stringContaining(sentence) });
});
