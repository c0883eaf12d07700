/**
 * What a retrain hook runs in the story: `node train.mjs --digits FOLDER --out FILE BUNDLE`. Reads the evidence, makes training data anew,
 * trains, writes the model, and prints one line of JSON with its score on digits that it was not trained on.
 *
 * Not here: the data (training-data.ts), the training (classifier.ts), who calls it (`insitu retrain-watch`).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { RetrainRequest } from '../../protocol/read/notification.ts';
import { onnxOf, rightCount, train } from './classifier.ts';
import { readDigits } from './digits.ts';
import { HELD_OUT_SEED, TRAINING, type Trained } from './trained.ts';
import { brightnessRatioOf, regenerate } from './training-data.ts';

const { values, positionals } = parseArgs({ options: { digits: { type: 'string' }, out: { type: 'string' } }, allowPositionals: true });
const [bundle] = positionals;
if (values.digits === undefined || values.out === undefined || bundle === undefined)
  throw new Error('--digits, --out and a bundle are needed');

const brightnessRatio = brightnessRatioOf(JSON.parse(readFileSync(bundle, 'utf8')) as RetrainRequest);
const { epochCount, ...made } = TRAINING;
const data = regenerate(readDigits(`${values.digits}validation.json`), { ...made, brightnessRatio });
const heldOut = regenerate(readDigits(`${values.digits}heldout.json`), { seed: HELD_OUT_SEED, copies: 1, brightnessRatio });
const network = train(data, epochCount, made.seed);
writeFileSync(values.out, onnxOf(network));
const [right, count] = [rightCount(network, heldOut), heldOut.labels.length];
const trained: Trained = { brightnessRatio, trainedOn: data.labels.length, heldOut: count, right, score: right / count };
process.stdout.write(`${JSON.stringify({ trained })}\n`);
