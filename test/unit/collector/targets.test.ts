/**
 * Targets: what a configuration may say of them, and that no secret is in what is said about them.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { plainName } from '../../../collector/notify/sentences.ts';
import { readTargets, TargetError } from '../../../collector/notify/targets.ts';
import { secretsOf } from '../../../collector/operator/config-file.ts';
import { TARGET_COUNT_MAX } from '../../../protocol/alarm-limits.ts';

const folder = mkdtempSync(join(tmpdir(), 'insitu-targets-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'secret'), 'from-a-file-1234567890\n');
writeFileSync(join(folder, 'empty'), '\n');
const secretOf = secretsOf(join(folder, 'insitu.json'), { SECRET: 'from-the-environment', SHORT: 'short', EMPTY: '' });
const read = (...targets: unknown[]) => readTargets(targets, secretOf);

const WEBHOOK = { name: 'ops', type: 'webhook', url: 'https://ops.example.org/hook', secret: { env: 'SECRET' } };
const SMTP = { name: 'mail', type: 'smtp', url: 'smtp://mail.example.org', from: 'a@example.org', to: ['b@example.org'] };

test('secrets come from the environment, or from files beside the configuration', () => {
  expect(read(WEBHOOK)).toMatchObject([{ secret: 'from-the-environment', models: null }]);
  expect(read({ ...WEBHOOK, secret: { file: 'secret' } })).toMatchObject([{ secret: 'from-a-file-1234567890' }]);
  const slack = { name: 'chat', type: 'slack', url: { file: 'secret' } };
  expect(() => read(slack)).toThrow(/its "url" must be an address with http/);
});

test('mail to another machine is encrypted unless the owner says otherwise', () => {
  expect(read(SMTP)).toMatchObject([{ requireTls: true, user: null, password: null }]);
  expect(read({ ...SMTP, requireTls: false })).toMatchObject([{ requireTls: false }]);
  expect(read({ ...SMTP, url: 'smtp://127.0.0.1:2525' })).toMatchObject([{ requireTls: false }]);
});

const wrong: readonly [unknown, RegExp][] = [
  [null, /Target 0 must be an object/],
  [{ ...WEBHOOK, name: 'Ops' }, /lower-case/],
  [{ ...WEBHOOK, type: 'pigeon' }, /"type" must be one of webhook, slack, alertmanager, smtp, retrain/],
  [{ ...WEBHOOK, secrt: {} }, /did you mean "secret"/],
  [{ ...WEBHOOK, secret: 'plain-secret-in-the-file' }, /\{"env": NAME\} or \{"file": PATH\}/],
  [{ ...WEBHOOK, secret: { env: 'SECRET', file: 'secret' } }, /\{"env": NAME\} or \{"file": PATH\}/],
  [{ ...WEBHOOK, secret: { env: 'GONE' } }, /GONE is not set/],
  [{ ...WEBHOOK, secret: { env: 'EMPTY' } }, /EMPTY is not set/],
  [{ ...WEBHOOK, secret: { env: 'SHORT' } }, /at least 16 letters/],
  [{ ...WEBHOOK, secret: { file: 'gone' } }, /cannot be read \(ENOENT\)/],
  [{ ...WEBHOOK, secret: { file: 'empty' } }, /is empty/],
  [{ ...WEBHOOK, url: 'file:///etc/passwd' }, /http/],
  [{ ...WEBHOOK, url: 'smtp://x' }, /http/],
  [{ ...WEBHOOK, url: 'ops.example.org' }, /http/],
  [{ ...WEBHOOK, url: 'https://user:pass@ops.example.org' }, /holds a name or password/],
  [{ ...WEBHOOK, models: [] }, /"models"/],
  [{ ...SMTP, url: 'https://mail.example.org' }, /smtp/],
  [{ ...SMTP, from: 'a' }, /"from"/],
  [{ ...SMTP, from: 'a@example.org\r\nBcc: c@example.org' }, /"from"/],
  [{ ...SMTP, to: [] }, /"to"/],
  [{ ...SMTP, to: Array.from({ length: 33 }, () => 'b@example.org') }, /1 to 32/],
  [{ ...SMTP, user: 'a' }, /go together/],
  [{ ...SMTP, password: { env: 'SECRET' } }, /go together/],
  [{ name: 'am', type: 'alertmanager', url: 'http://127.0.0.1:9093', labels: { 'a-b': 'c' } }, /"labels"/],
  [{ ...WEBHOOK, type: 'retrain', coolDownHours: -1 }, /"coolDownHours"/],
];
test.each(wrong)('%j is refused with a sentence', (target, sentence) => {
  expect(() => read(target)).toThrow(sentence);
  expect(() => read(target)).toThrow(TargetError);
});

test('names are there once, and there are not too many', () => {
  expect(() => read(WEBHOOK, WEBHOOK)).toThrow(/Two targets are called "ops"/);
  expect(() => read(...Array.from({ length: TARGET_COUNT_MAX + 1 }, (_, index) => ({ ...WEBHOOK, name: `o${index}` })))).toThrow(
    /at most 16/,
  );
});

test('any JSON is targets or a sentence without a secret', () => {
  const near = fc.record(
    Object.fromEntries(['name', 'type', 'url', 'secret', 'from', 'to', 'labels', 'models'].map((key) => [key, fc.jsonValue()])),
    { requiredKeys: [] },
  );
  const changed = near.map((fields) => ({ ...WEBHOOK, ...fields }));
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), fc.array(near), fc.array(changed)), (json) => {
      try {
        readTargets(json, secretOf);
      } catch (error) {
        expect(error).toBeInstanceOf(TargetError);
        expect((error as Error).message).not.toContain('from-the-environment');
      }
    }),
    { seed: 21 },
  );
});

test("a stranger's name is one line, short, and turns nobody's direction", () => {
  expect(plainName('a\r\nBcc: x\u202Eb\u0000c')).toBe('a Bcc: x b c');
  expect(plainName('x'.repeat(500))).toHaveLength(120);
});
