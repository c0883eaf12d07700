/**
 * `insitu verify` found nothing about a published tokenizer that every page refuses, and `insitu pack` took it along from an earlier manifest.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { run as runPack } from '../../cli/commands/pack.ts';
import { run as runVerify } from '../../cli/commands/verify.ts';
import { sha256Hex } from '../../protocol/digest.ts';
import { saidBy, temporaryFolder } from '../fixtures/data-files.ts';
import { onnxModel } from '../harness/onnx-writer.ts';

const TOKENIZER = readFileSync(new URL('../../models/tiny-text/tokenizer.json', import.meta.url), 'utf8');
const folder = temporaryFolder();

const IDS = { type: 'int64', dims: ['batch', 'tokens'] } as const;
const GRAPH = onnxModel(
  [{ name: 'input_ids', ...IDS }],
  [{ operator: 'Identity', inputs: ['input_ids'], output: 'y' }],
  [{ name: 'y', ...IDS }],
);

test('a tokenizer that no page takes is found, and packed from no earlier manifest', async () => {
  const [graph, tokenizer, out] = ['text.onnx', 'tokenizer.json', 'packed'].map((name) => join(folder, name)) as [string, string, string];
  writeFileSync(graph, GRAPH);
  writeFileSync(tokenizer, TOKENIZER);
  expect((await saidBy(runPack, graph, '--out', out, '--tokenizer', tokenizer, '--tokens', '9')).failure).toBe('');
  expect((await saidBy(runVerify, out)).failure).toBe('');
  // As a tool of before may have published it: whole, with its own hash.
  const strange = JSON.stringify({ ...JSON.parse(TOKENIZER), normalizer: { type: 'Nmt' } });
  writeFileSync(join(out, 'tokenizer.json'), strange);
  const manifest = JSON.parse(readFileSync(join(out, 'model.json'), 'utf8'));
  const sha256 = await sha256Hex(new TextEncoder().encode(strange));
  const bytes = Buffer.byteLength(strange);
  Object.assign(manifest.inputs[0].preprocess.tokenizer, { bytes, sha256, chunks: [{ sha256, bytes }] });
  writeFileSync(join(out, 'model.json'), JSON.stringify(manifest));
  const verified = await saidBy(runVerify, out);
  expect(verified.failure).toContain('1 finding');
  expect(verified.text).toContain('tokenizer.json: the normalizer Nmt');
  const again = await saidBy(runPack, graph, '--out', join(folder, 'again'), '--manifest', join(out, 'model.json'));
  expect(again.failure).toContain('tokenizer.json: the normalizer Nmt');
  writeFileSync(join(out, 'tokenizer.json'), '{}');
  expect((await saidBy(runVerify, out)).text).toContain('tokenizer.json is no tokenizer.json');
});
