/**
 * The demo: draw a digit, stream digits, tilt the world, and see what left the page. Uses the library's public entry only.
 *
 * Invariants
 *  - Whatever goes wrong ends in a sentence beside the control that it is about; it goes when that control does its work again.
 *  - Every address is relative to the page, which may lie behind a path prefix.
 *  - Nothing is counted before the switch is on.
 */

import { type Client, createClient, type LoadProgress, type Model } from '../sdk/index.ts';
import { byId, element } from '../site/element.ts';
import { wireTheme } from '../site/theme.ts';
import { bitmapOf, blockCounts } from './digit-canvas.ts';
import { DrawPad, paintCounts } from './draw-pad.ts';
import { keepRuntime, registerOffline } from './offline.ts';
import { OwnModel } from './own-model/own-model.ts';
import { wireSentPanel } from './sent-panel.ts';
import { isConsentRemembered, readCache, readChoice, showExplanation, showStored, wireChoice } from './settings-panel.ts';
import { fetchHeldOut, type HeldOut, imageOf, StreamPanel } from './stream-panel.ts';
import { showFailure } from './words/failure.ts';
import { formatBytes, formatMs } from './words/figures.ts';
import { WorldTilt } from './world-tilt.ts';

const ROOT = new URL('./', document.baseURI);
const MODEL = new URL('models/digits/model.json', ROOT);
const HELD_OUT = new URL('models/digits/heldout.json', ROOT);

const client: Client = createClient({
  collector: { url: ROOT.href, key: 'demo' },
  consent: isConsentRemembered() ? 'granted' : 'required',
  cache: readCache(),
  assets: new URL('insitu/', ROOT),
  backgroundSync: true,
});

let model: Model | null = null;
let heldOut: Promise<HeldOut> | null = null;
let lastImage: Float32Array | null = null;
let isKept = false;

function digits(): Promise<HeldOut> {
  heldOut ??= fetchHeldOut(HELD_OUT.href).catch((error) => {
    heldOut = null;
    throw error;
  });
  return heldOut;
}

async function loadModel(): Promise<void> {
  const status = byId('model-status');
  const progress = byId<HTMLProgressElement>('load-progress');
  const canceller = new AbortController();
  byId('load-cancel').onclick = () => canceller.abort();
  showFailure('alert', null);
  document.documentElement.dataset.model = 'loading';
  stream.setUsable(false);
  byId('load-row').hidden = false;
  try {
    await model?.close();
    model = null;
    const { provider, variant } = readChoice();
    const startMs = performance.now();
    model = await client.load(MODEL.href, {
      provider,
      ...(variant === undefined ? {} : { variant }),
      signal: canceller.signal,
      onProgress: (step) => {
        progress.value = step.totalBytes > 0 ? step.loadedBytes / step.totalBytes : 0;
        status.textContent = progressText(step);
      },
    });
    const { fromCache } = model.explain();
    const origin = fromCache ? 'from this device, no request' : 'downloaded and verified';
    status.textContent = `Ready: ${model.manifest.name} ${model.variant} on ${model.provider}, ${origin}, in ${formatMs(performance.now() - startMs)}.`;
    document.documentElement.dataset.model = 'ready';
    stream.setUsable(true);
    showExplanation(model);
    await showStored(client.models);
    if (lastImage !== null) await answer(lastImage);
  } catch (error) {
    document.documentElement.dataset.model = 'failed';
    status.textContent = 'No model.';
    if (lastImage !== null) byId('answer-note').textContent = 'There is no model to read it.';
    showFailure('alert', error);
  } finally {
    byId('load-row').hidden = true;
  }
}

function progressText({ phase, loadedBytes, totalBytes, remainingMs }: LoadProgress): string {
  const bytes = totalBytes > 0 ? `: ${formatBytes(loadedBytes)} of ${formatBytes(totalBytes)}` : ' …';
  return `${phase}${bytes}${remainingMs === null ? '' : `, about ${Math.ceil(remainingMs / 1000)} s left`}`;
}

/** The model's answer to one image, after the tilt. */
async function scoresOf(image: Float32Array): Promise<{ scores: Float32Array; totalMs: number; seen: Float32Array }> {
  if (model === null) throw new Error('The model is not loaded yet.');
  const seen = tilt.apply(image);
  const { outputs, totalMs } = await model.run({ image: { data: seen, dims: [1, 1, 8, 8] } });
  if (!isKept) {
    isKept = true;
    void keepRuntime(client);
  }
  return { scores: outputs.scores?.data as Float32Array, totalMs, seen };
}

const topOf = (scores: Float32Array) => scores.indexOf(Math.max(...scores));

/** Before the model is there the image waits for it. */
async function answer(image: Float32Array): Promise<void> {
  lastImage = image;
  if (model === null) {
    byId('answer-note').textContent = 'It is read as soon as the model is ready.';
    return;
  }
  try {
    const { scores, totalMs, seen } = await scoresOf(image);
    const top = topOf(scores);
    byId('answer').textContent = String(top);
    byId('answer-note').textContent = `${((scores[top] as number) * 100).toFixed(1)} % sure, ${formatMs(totalMs)}`;
    showScores(scores, top);
    paintCounts(byId<HTMLCanvasElement>('seen'), seen);
    showFailure('draw-alert', null);
  } catch (error) {
    showFailure('draw-alert', error);
  }
}

function showScores(scores: Float32Array, top: number): void {
  const bars = Array.from(scores, (score, digit) => {
    const bar = element('span', { class: 'bar-fill' });
    bar.style.setProperty('--share', String(score));
    const percent = element('span', { class: 'number' }, `${(score * 100).toFixed(1)}`);
    return element(
      'div',
      { class: digit === top ? 'bar-row top' : 'bar-row' },
      element('span', {}, String(digit)),
      element('span', { class: 'bar-track' }, bar),
      percent,
    );
  });
  byId('scores').replaceChildren(...bars);
}

function wireSamples(): void {
  for (let digit = 0; digit < 10; digit++) {
    const button = element('button', { type: 'button', class: 'quiet', 'aria-label': `Sample of the digit ${digit}` }, String(digit));
    button.addEventListener('click', () => {
      digits()
        .then((known) => {
          pad.clear();
          const matches = [...known.labels].flatMap((label, index) => (Number(label) === digit ? [index] : []));
          return answer(imageOf(known, matches[Math.floor(Math.random() * matches.length)] as number));
        })
        .catch((error) => showFailure('draw-alert', error));
    });
    byId('samples').append(button);
  }
}

const tilt = new WorldTilt(() => {
  if (lastImage !== null && model !== null) void answer(lastImage);
});
const pad = new DrawPad(
  (strokes) => {
    const bitmap = bitmapOf(strokes);
    if (bitmap !== null) void answer(blockCounts(bitmap));
  },
  () => {
    lastImage = null;
    byId('answer').textContent = '–';
    byId('answer-note').textContent = 'Draw, or choose a sample.';
    paintCounts(byId<HTMLCanvasElement>('seen'), null);
    showScores(new Float32Array(10), -1);
  },
);
const stream = new StreamPanel(digits, async (image) => topOf((await scoresOf(image)).scores));
wireSamples();
wireSentPanel(client);
wireTheme(byId('theme'), () => pad.paint());
wireChoice(() => void loadModel());
showScores(new Float32Array(10), -1);
paintCounts(byId<HTMLCanvasElement>('seen'), null);
new OwnModel(client);
registerOffline();
void loadModel();
