/**
 * Whatever is dropped on the demo, it takes the model or says what to drop.
 */
import { expect, test } from 'vitest';
import { pickedFile } from '../../../demo/own-model/picked-file.ts';

const file = (name: string) => new File(['x'], name);

test('a single file is taken whatever it is called: the library reads what it is', () => {
  const readme = file('README.md');
  expect(pickedFile({ files: [readme], folders: [] })).toEqual({ model: readme, beside: [] });
});

test('among other files the one called .onnx is taken, and the others with it', () => {
  const [model, weights] = [file('Model.ONNX'), file('Model.onnx.data')];
  expect(pickedFile({ files: [weights, model], folders: [] })).toEqual({ model, beside: [weights] });
});

test.each([
  ['a folder', { files: [], folders: ['models'] }, /“models” is a folder\. Open it/],
  ['no file at all', { files: [], folders: [] }, /is no file/],
  ['two models', { files: [file('a.onnx'), file('b.onnx')], folders: [] }, /^2 models at once/],
  ['other files', { files: [file('a.txt'), file('b.txt')], folders: [] }, /None of these 2 files is called \.onnx/],
])('%s ends in a sentence', (_what, offered, sentence) => expect(pickedFile(offered)).toMatch(sentence));
