/**
 * Declared processing in the worker: every kind of picture as the same tensor, turned upright, and results laid back onto it.
 *
 * The models are a few bytes: Identity hands out the tensor that the model saw, so the test reads what preprocessing made.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { tensorOfPixels } from '../../../processing/image/image.ts';
import type { Manifest, ManifestInput, ManifestOutput } from '../../../protocol/manifest/manifest.ts';
import type { ManifestStep } from '../../../protocol/manifest/postprocess.ts';
import type { PixelsWire } from '../../../protocol/worker/media.ts';
import { type Outcome, withServer } from '../../harness/bare-page.ts';
import { browserTest } from '../../harness/browsers.ts';
import { onnxModel } from '../../harness/onnx-writer.ts';
import type { StaticServer } from '../../harness/static-server.ts';

const VECTORS = JSON.parse(readFileSync(new URL('../../vectors/pictures.json', import.meta.url), 'utf8')) as {
  readonly files: readonly { orientation: number; file: string; size: [number, number]; base64: string }[];
  readonly png: { source: [number, number]; file: string };
};

const INPUT = {
  name: 'picture',
  type: 'float32',
  dims: ['batch', 3, 20, 24],
  layout: 'NCHW',
  kind: 'image',
  range: [0, 1],
  preprocess: { kind: 'image', fit: 'contain', fill: [114, 114, 114], scale: 1 / 255 },
} satisfies ManifestInput;
const OUTPUT = { name: 'seen', type: 'float32', dims: ['batch', 3, 20, 24], kind: 'opaque' } satisfies ManifestOutput;

/** Serves a model of one node in `/models/NAME/`. */
function serveModel(server: StaticServer, name: string, model: Uint8Array, input: ManifestInput, outputs: ManifestOutput[]): void {
  const sha256 = createHash('sha256').update(model).digest('hex');
  const file = { file: 'model.onnx', bytes: model.length, sha256, chunks: [{ sha256, bytes: model.length }] };
  const manifest: Manifest = {
    schema: 1,
    name,
    version: '1',
    licence: 'Apache-2.0',
    variants: [{ id: 'fp32', quantization: 'fp32', ...file, providers: ['wasm'], tolerance: 0 }],
    inputs: [input],
    outputs,
    golden: [],
  };
  server.faults.set(`/models/${name}/model.json`, { body: JSON.stringify(manifest) });
  server.faults.set(`/models/${name}/model.onnx`, { body: model });
}

/** A model that hands its input on. */
function serveIdentity(server: StaticServer, input: ManifestInput, output: ManifestOutput): void {
  const model = onnxModel(
    [{ name: input.name, dims: input.dims }],
    [{ operator: 'Identity', inputs: [input.name], output: output.name }],
    [{ name: output.name, dims: output.dims }],
  );
  serveModel(server, 'identity', model, input, [output]);
}

/** A detector that always sees the same: boxes and a score per class of each, whatever it is fed. */
function serveDetector(server: StaticServer): void {
  const rows = Float32Array.of(
    ...[12, 8, 10, 8, 0.9, 0.1],
    ...[12.5, 8, 10, 8, 0.8, 0.1],
    ...[12.5, 8, 10, 8, 0.1, 0.7],
    ...[2, 5, 8, 4, 0.2, 0.6],
    ...[20, 20, 4, 4, 0.1, 0.2],
  );
  const dims = [1, 5, 6];
  const model = onnxModel(
    [{ name: 'picture', dims: INPUT.dims }],
    [{ operator: 'Identity', inputs: ['rows'], output: 'boxes' }],
    [{ name: 'boxes', dims }],
    { weights: [{ name: 'rows', dims, data: rows }] },
  );
  const step: ManifestStep = {
    kind: 'boxes',
    format: 'cxcywh',
    scores: { classesFrom: 4 },
    threshold: 0.5,
    iou: 0.5,
    labels: ['cat', 'dog'],
  };
  const output: ManifestOutput = {
    name: 'boxes',
    type: 'float32',
    dims,
    kind: 'opaque',
    postprocess: { steps: [step], keepOutput: false },
  };
  serveModel(server, 'detector', model, INPUT, [output]);
}

/** What pictures.py calls `source`, in the page too. */
const SOURCE = `(width, height) => {
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  let state = width * 65536 + height;
  for (let at = 0; at < width * height * 3; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const pixel = Math.floor(at / 3);
    data[pixel * 4 + (at % 3)] = Math.floor(at / 30) % 2 === 1 ? state >>> 24 : Math.floor(((pixel % width) * 255) / width);
  }
  return new ImageData(data, width, height);
}`;

const PAGE = `
  const source = ${SOURCE};
  const fileOf = (base64, type) => new Blob([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], { type });
  const canvasOf = (imageData, canvas) => {
    canvas.width = imageData.width;
    canvas.height = imageData.height;
    canvas.getContext('2d').putImageData(imageData, 0, 0);
    return canvas;
  };
  const elementOf = async (blob) => {
    const element = new Image();
    element.src = URL.createObjectURL(blob);
    await element.decode();
    return element;
  };
  const model = await insitu.createClient().load('/models/identity/model.json');
  const seen = async (picture, options) => Array.from((await model.run({ picture }, options)).outputs.seen.data);
`;

function sourceOf(width: number, height: number): PixelsWire {
  const imageData = class {
    readonly data: Uint8ClampedArray;
    readonly width: number;
    readonly height: number;
    constructor(data: Uint8ClampedArray, width: number, height: number) {
      [this.data, this.width, this.height] = [data, width, height];
    }
  };
  return new Function('ImageData', `return ${SOURCE}`)(imageData)(width, height) as PixelsWire;
}

browserTest('a picture gives the same tensor whatever it comes as, and that of Node', async ({ page }) => {
  await withServer(page, async (server) => {
    serveIdentity(server, INPUT, OUTPUT);
    const seen = await page.evaluate<Record<string, number[]>>(
      `async (png) => {
        ${PAGE}
        const pixels = source(61, 43);
        const canvas = canvasOf(pixels, document.createElement('canvas'));
        const file = fileOf(png, 'image/png');
        const sources = {
          imageData: pixels,
          blob: file,
          file: new File([file], 'picture.png'),
          canvas,
          offscreen: canvasOf(pixels, new OffscreenCanvas(1, 1)),
          bitmap: await createImageBitmap(pixels),
          element: await elementOf(file),
          frame: new VideoFrame(canvas, { timestamp: 0 }),
        };
        const answers = {};
        for (const [name, picture] of Object.entries(sources)) answers[name] = await seen(picture);
        return answers;
      }`,
      VECTORS.png.file,
    );
    const expected = Array.from(tensorOfPixels(INPUT, INPUT.preprocess, [sourceOf(61, 43)]).tensor.data as Float32Array);
    expect(Object.keys(seen).length).toBe(8);
    for (const [name, values] of Object.entries(seen)) expect([name, values]).toEqual([name, expected]);
  });
});

// A JPEG decoder may differ by a step or two of a byte from Pillow's; a picture that is not turned differs by a hundred.
browserTest('a photograph is upright whatever its EXIF orientation says, from a file and from an element', async ({ page }) => {
  await withServer(page, async (server) => {
    const input: ManifestInput = { ...INPUT, dims: ['batch', 6, 6, 3], layout: 'NHWC', preprocess: { kind: 'image' } };
    serveIdentity(server, input, { ...OUTPUT, dims: ['batch', 6, 6, 3] });
    const seen = await page.evaluate<number[][][]>(
      `async (files) => {
        ${PAGE}
        const both = async (file) => [await seen(file), await seen(await elementOf(file))];
        return Promise.all(files.map((base64) => both(fileOf(base64, 'image/jpeg'))));
      }`,
      VECTORS.files.map(({ file }) => file),
    );
    VECTORS.files.forEach(({ orientation, base64 }, index) => {
      const expected = [...Buffer.from(base64, 'base64')];
      for (const values of seen[index] as number[][]) {
        const farthest = Math.max(...values.map((value, at) => Math.abs(value - (expected[at] as number))));
        expect([orientation, values.length, farthest <= 4]).toEqual([orientation, expected.length, true]);
      }
    });
  });
});

browserTest("the caller's picture stays whole, unless she hands it over, and is taken at the call", async ({ page }) => {
  await withServer(page, async (server) => {
    serveIdentity(server, INPUT, OUTPUT);
    const answer = await page.evaluate(`async () => {
      ${PAGE}
      const canvas = canvasOf(source(61, 43), document.createElement('canvas'));
      const expected = String(await seen(source(61, 43)));
      const three = async () => [source(61, 43), await createImageBitmap(canvas), new VideoFrame(canvas, { timestamp: 0 })];
      const state = ([pixels, bitmap, frame]) => [pixels.data.length, bitmap.width, frame.format === null];
      const [kept, given, ended] = [await three(), await three(), await three()];
      const runs = [...kept.map((picture) => seen(picture)), ...given.map((picture) => seen(picture, { transfer: true }))];
      const [pixels, bitmap, frame] = ended;
      runs.push(seen(canvas), seen(pixels), seen(bitmap), seen(frame));
      canvas.getContext('2d').fillRect(0, 0, 61, 43);
      pixels.data.fill(0);
      bitmap.close();
      frame.close();
      const answers = await Promise.all(runs);
      return { same: answers.filter((values) => String(values) === expected).length, kept: state(kept), given: state(given) };
    }`);
    expect(answer).toEqual({ same: 10, kept: [61 * 43 * 4, 61, false], given: [0, 0, true] });
  });
});

browserTest(
  'what is no picture is refused with preprocess-failed, which names the input and quotes nothing, and the next run is fine',
  async ({ page }) => {
    await withServer(page, async (server) => {
      serveIdentity(server, INPUT, OUTPUT);
      const outcomes = await page.evaluate<Outcome<string>[]>(`async () => {
      ${PAGE}
      const attempts = [
        'secret', 17, {}, { data: 'secret', dims: [1, 3, 20, 24] }, [], ['secret'],
        new Blob(['secret'], { type: 'image/png' }), new Blob([]), Object.assign(document.createElement('canvas'), { width: 0 }), new OffscreenCanvas(0, 9), new Image(),
        document.createElement('video'), new Blob(['<svg xmlns="http://www.w3.org/2000/svg"><text>secret']),
        [source(4, 4), 'secret'],
      ].map((picture) => outcome(() => seen(picture).then(() => 'ran')));
      const tensor = outcome(() => seen({ data: new Float32Array(1440).fill(0.5), dims: [1, 3, 20, 24] }).then(([first]) => String(first)));
      const misfit = outcome(() => seen({ data: new Float32Array(4), dims: [1, 4] }));
      return Promise.all([...attempts, misfit, tensor, outcome(() => seen(source(24, 20)).then(() => 'ran'))]);
    }`);
      const refused = outcomes.slice(0, 14).map((one) => (one.ok ? 'ran' : [one.code, one.details.input]));
      expect(refused).toEqual(refused.map(() => ['preprocess-failed', 'picture']));
      expect(JSON.stringify(outcomes)).not.toContain('secret');
      expect(outcomes.slice(14).map((one) => (one.ok ? one.value : one.code))).toEqual(['tensor-dims-mismatch', '0.5', 'ran']);
    });
  },
);

browserTest('a picture of another origin that the page may not read is refused, and the runs beside it answer', async ({ page }) => {
  await withServer(page, async (server) => {
    serveIdentity(server, INPUT, OUTPUT);
    server.faults.set('/models/foreign.png', { body: Buffer.from(VECTORS.png.file, 'base64'), headers: { 'Content-Type': 'image/png' } });
    const outcomes = await page.evaluate<Outcome<number>[]>(
      `async (url) => {
        ${PAGE}
        const [foreign, allowed] = [new Image(), new Image()];
        allowed.crossOrigin = 'anonymous';
        for (const element of [foreign, allowed]) {
          element.src = url;
          await element.decode();
        }
        const tainted = document.createElement('canvas');
        tainted.getContext('2d').drawImage(foreign, 0, 0);
        const pictures = [foreign, source(24, 20), tainted, await createImageBitmap(foreign), allowed];
        return Promise.all(pictures.map((picture) => outcome(() => seen(picture).then(({ length }) => length))));
      }`,
      `${server.otherOrigin}/models/foreign.png`,
    );
    const [refused, length] = ['preprocess-failed', 1440];
    expect(outcomes.map((one) => (one.ok ? one.value : one.code))).toEqual([refused, length, refused, refused, length]);
  });
});

browserTest('boxes are in pixels of the picture that was fed, its letterbox undone; of the tensor where a tensor was', async ({ page }) => {
  await withServer(page, async (server) => {
    serveDetector(server);
    const answer = await page.evaluate<{ found: unknown[]; outputs: string[]; isTimed: boolean }>(`async () => {
      const source = ${SOURCE};
      const model = await insitu.createClient().load('/models/detector/model.json');
      const feeds = [source(48, 32), source(48, 40), { data: new Float32Array(1440), dims: [1, 3, 20, 24] }];
      const runs = await Promise.all(feeds.map((picture) => model.run({ picture })));
      return {
        found: runs.map(({ results }) => results.boxes.map(({ boxes }) => boxes.map(({ x, y, width, height, label }) => [label, x, y, width, height]))),
        outputs: runs.flatMap(({ outputs }) => Object.keys(outputs)),
        isTimed: runs.every(({ preMs, postMs, totalMs }) => preMs >= 0 && postMs >= 0 && totalMs + 2 >= preMs + postMs),
      };
    }`);
    // 48 × 32 becomes 24 × 16 with 2 rows above; a box that reaches beyond the left edge is cut off there.
    expect(answer).toEqual({
      found: [
        [
          [
            ['cat', 14, 4, 20, 16],
            ['dog', 15, 4, 20, 16],
            ['dog', 0, 2, 12, 8],
          ],
        ],
        [
          [
            ['cat', 14, 8, 20, 16],
            ['dog', 15, 8, 20, 16],
            ['dog', 0, 6, 12, 8],
          ],
        ],
        [
          [
            ['cat', 7, 4, 10, 8],
            ['dog', 7.5, 4, 10, 8],
            ['dog', -2, 3, 8, 4],
          ],
        ],
      ],
      outputs: [],
      isTimed: true,
    });
  });
});

browserTest('a list of pictures is one batch, and each item has its own answer', async ({ page }) => {
  await withServer(page, async (server) => {
    const steps = [{ kind: 'softmax' as const }, { kind: 'top-k' as const, k: 2, labels: ['a', 'b', 'c', 'd'] }];
    const input: ManifestInput = { ...INPUT, dims: ['batch', 4], layout: 'NHWC', preprocess: undefined, kind: 'opaque' };
    serveIdentity(server, INPUT, OUTPUT);
    const scores = onnxModel(
      [{ name: 'picture', dims: ['batch', 4] }],
      [{ operator: 'Identity', inputs: ['picture'], output: 'scores' }],
      [{ name: 'scores', dims: ['batch', 4] }],
    );
    serveModel(server, 'scores', scores, input, [
      { name: 'scores', type: 'float32', dims: ['batch', 4], kind: 'label-scores', postprocess: { steps } },
    ]);
    const answer = await page.evaluate(`async () => {
      ${PAGE}
      const [first, second] = [source(61, 43), source(30, 50)];
      const { outputs } = await model.run({ picture: [first, second] });
      const whole = String(Array.from(outputs.seen.data));
      const apart = String([...(await seen(first)), ...(await seen(second))]);
      const scores = await insitu.createClient().load('/models/scores/model.json');
      const { results, outputs: raw } = await scores.run({ picture: { data: [0, 9, 1, 0, 5, 0, 0, 5], dims: [2, 4] } });
      return { dims: outputs.seen.dims, isSame: whole === apart, top: results.scores.map(({ top }) => top.map(({ label }) => label)), raw: raw.scores.data.length };
    }`);
    expect(answer).toEqual({
      dims: [2, 3, 20, 24],
      isSame: true,
      top: [
        ['b', 'c'],
        ['a', 'd'],
      ],
      raw: 8,
    });
  });
});

browserTest(
  'runs of one model answer in the order of their calls, whatever their pictures take, and a refused one holds up none',
  async ({ page }) => {
    await withServer(page, async (server) => {
      serveIdentity(server, INPUT, OUTPUT);
      const order = await page.evaluate<string[]>(`async () => {
      ${PAGE}
      const large = await canvasOf(source(1600, 1200), new OffscreenCanvas(1, 1)).convertToBlob();
      const order = [];
      const controller = new AbortController();
      const run = (name, picture, options) => seen(picture, options).then(() => order.push(name), ({ code }) => order.push(name + ' ' + code));
      const runs = [
        run('large', large),
        run('small', source(8, 8)),
        run('no picture', new Blob(['none'])),
        run('large again', large),
        run('tensor', { data: new Float32Array(1440), dims: [1, 3, 20, 24] }),
        run('cancelled', large, { signal: controller.signal }),
        run('last', source(8, 8)),
      ];
      controller.abort();
      await Promise.all(runs);
      return order;
    }`);
      expect(order.filter((entry) => !entry.includes(' ') || entry === 'large again')).toEqual([
        'large',
        'small',
        'large again',
        'tensor',
        'last',
      ]);
      expect(order.filter((entry) => / (aborted|preprocess-failed)$/.test(entry)).sort()).toEqual([
        'cancelled aborted',
        'no picture preprocess-failed',
      ]);
    });
  },
);

browserTest('a model that is closed while a picture is prepared answers that run first, and the page lives on', async ({ page }) => {
  await withServer(page, async (server) => {
    serveIdentity(server, INPUT, OUTPUT);
    const answer = await page.evaluate(`async () => {
      ${PAGE}
      const client = insitu.createClient();
      const [brief, other] = await Promise.all([client.load('/models/identity/model.json'), client.load('/models/identity/model.json')]);
      const large = await canvasOf(source(1600, 1200), new OffscreenCanvas(1, 1)).convertToBlob();
      const run = outcome(() => brief.run({ picture: large }).then(() => 'ran'));
      await brief.close();
      const { value, code } = await run;
      const { outputs } = await other.run({ picture: source(8, 8) });
      return [value ?? code, outputs.seen.data.length];
    }`);
    expect(answer).toEqual(['ran', 1440]);
  });
});

browserTest(
  'a picture in another colour space, and a frame of a playing video, reach the model',
  ['chromium', 'firefox'],
  async ({ page }) => {
    await withServer(page, async (server) => {
      serveIdentity(server, { ...INPUT, preprocess: { kind: 'image', scale: 1 / 255 } }, OUTPUT);
      const answer = await page.evaluate<number[][]>(`async () => {
      ${PAGE}
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [64, 48];
      const context = canvas.getContext('2d');
      const video = Object.assign(document.createElement('video'), { muted: true, srcObject: canvas.captureStream(30) });
      const paint = setInterval(() => {
        context.fillStyle = 'rgb(200, 100, 50)';
        context.fillRect(0, 0, 64, 48);
      }, 10);
      await video.play();
      await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
      const wide = new ImageData(Uint8ClampedArray.from({ length: 4 * 4 * 4 }, (_, at) => [128, 128, 128, 255][at % 4]), 4, 4, { colorSpace: 'display-p3' });
      const answers = [await seen(video), await seen(wide)];
      clearInterval(paint);
      return answers.map((values) => [values[0], values[480], values[960]].map((value) => Math.round(value * 255)));
    }`);
      // A video's own colour conversion costs some steps; grey is grey in every colour space.
      const [frame, wide] = answer as [number[], number[]];
      const distances = [200, 100, 50].map((value, channel) => Math.abs((frame[channel] as number) - value));
      expect(Math.max(...distances)).toBeLessThanOrEqual(8);
      for (const value of wide) expect(Math.abs(value - 128)).toBeLessThanOrEqual(1);
    });
  },
);
