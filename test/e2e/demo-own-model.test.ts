/**
 * The demo's "Your own model": a person drops a file, feeds every input and reads every output.
 *
 * Goal: every type and rank can be fed, what is wrong is said beside its control, and nothing that is dropped leaves the page or stops it.
 * Method: models written byte by byte, the controls used as a person does, the answers read from the page.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { temporaryFolder } from '../fixtures/data-files.ts';
import { browserTest, type Page } from '../harness/browsers.ts';
import { type CollectorProcess, startCollectorProcess } from '../harness/collector-process.ts';
import { type OnnxType, type OnnxValue, onnxModel } from '../harness/onnx-writer.ts';

const PATIENCE = { timeoutMs: 60_000 };
const folder = temporaryFolder();

async function withDemo(page: Page, body: (collector: CollectorProcess) => Promise<void>): Promise<void> {
  const collector = await startCollectorProcess();
  try {
    await page.goto(`${collector.url}/`);
    await page.waitFor(() => document.documentElement.dataset.model === 'ready', PATIENCE);
    await body(collector);
  } finally {
    await collector.close();
  }
}

async function fileOf(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

/** A model whose outputs are its inputs. */
function echo(inputs: readonly OnnxValue[]): Uint8Array {
  const outputs = inputs.map((input, index) => ({ ...input, name: `out${index}` }));
  const nodes = inputs.map(({ name }, index) => ({ operator: 'Identity', inputs: [name], output: `out${index}` }));
  return onnxModel(inputs, nodes, outputs, { opset: 14 });
}

async function openFile(page: Page, path: string): Promise<void> {
  await page.chooseFile('#model-file', path);
  await page.waitFor(() => document.querySelector('#own-run') !== null, PATIENCE);
}

async function type(page: Page, index: number, text: string): Promise<void> {
  await page.evaluate(
    (at: number, written: string) => {
      const fill = document.querySelector(`#own-input-${at}-fill`) as HTMLSelectElement;
      fill.value = 'typed';
      fill.dispatchEvent(new Event('change'));
      (document.querySelector(`#own-input-${at}-typed`) as HTMLTextAreaElement).value = written;
    },
    index,
    text,
  );
}

/** Runs, and gives each output's heading and values. */
async function run(page: Page): Promise<Record<string, string>> {
  await page.click('#own-run');
  await page.waitFor(() => (document.querySelector('#own-run') as HTMLButtonElement).disabled === false, PATIENCE);
  const said = await page.evaluate(() =>
    [...document.querySelectorAll('#own-status, #own-panel .alert')].map(({ textContent }) => textContent).join(''),
  );
  expect(said).toMatch(/^Answered/);
  return page.evaluate(() =>
    Object.fromEntries(
      [...document.querySelectorAll('.output')].map((output) => [
        output.querySelector('h3')?.textContent,
        output.querySelector('pre')?.textContent,
      ]),
    ),
  );
}

/** Drops files of so many megabytes beside the zone, where a browser would leave the page for them. */
async function drop(page: Page, names: readonly string[], megabyteCount: number): Promise<void> {
  await page.evaluate(
    (named: readonly string[], count: number) => {
      const piece = new Blob([new Uint8Array(1e6)]);
      const data = new DataTransfer();
      for (const name of named) data.items.add(new File(Array(count).fill(piece), name));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    },
    names,
    megabyteCount,
  );
}

const TYPED: readonly (readonly [OnnxType, string, string])[] = [
  ['float32', '-0.5', '-0.5'],
  ['float64', '0.1234567890123456', '0.1234567890123456'],
  ['float16', '1.5', '1.5'],
  ['int8', '-128', '-128'],
  ['uint8', '255', '255'],
  ['int32', '-2147483648', '-2147483648'],
  ['int64', '9007199254740993', '9007199254740993'],
  ['bool', 'true', 'true'],
  ['string', 'Zürich, 東京 👋', '"Zürich, 東京 👋"'],
];

browserTest(
  'a scalar and a list of every type can be fed, and come back as they were written',
  ['chromium', 'firefox'],
  async ({ page }) => {
    await withDemo(page, async () => {
      const scalars = TYPED.map(([of]) => ({ name: `scalar ${of}`, dims: [], type: of }));
      const lists = TYPED.map(([of]) => ({ name: `list.${of}`, dims: ['n', 1], type: of }));
      await openFile(page, await fileOf('every-type.onnx', echo([...scalars, ...lists])));
      for (const [index, [of, text]] of TYPED.entries()) {
        await type(page, index, text);
        await type(page, TYPED.length + index, [text, text, text].join(of === 'string' ? '\n' : ' '));
      }
      const outputs = await run(page);
      for (const [index, [of, , said]] of TYPED.entries()) {
        expect(outputs[`out${index}: ${of} scalar`]).toBe(said);
        expect(outputs[`out${TYPED.length + index}: ${of} [3, 1]`]).toBe([said, said, said].join('\n'));
      }
    });
  },
);

browserTest('each field can be run as it is first shown', ['chromium'], async ({ page }) => {
  await withDemo(page, async () => {
    const inputs = TYPED.flatMap(([of]) =>
      [[], [3], ['batch', 4], ['batch', 3, 64, 64]].map((dims) => ({ name: `${of}-${dims.length}`, dims, type: of })),
    );
    await openFile(page, await fileOf('as-shown.onnx', echo(inputs)));
    expect(Object.keys(await run(page))).toHaveLength(inputs.length);
  });
});

browserTest(
  'what is wrong with a value is said in its field, has the focus, and is gone once it is right',
  ['chromium'],
  async ({ page }) => {
    await withDemo(page, async () => {
      const inputs: OnnxValue[] = [
        { name: 'x', dims: ['n', 2] },
        { name: '<img src=x onerror=alert(1)>', dims: [], type: 'int64' },
      ];
      await openFile(page, await fileOf('two-inputs.onnx', echo(inputs)));
      const wrong: readonly (readonly [number, string, RegExp])[] = [
        [0, '1, two', /Value 2, “two”, is no number/],
        [0, '1, 2, 3', /\[1, 2\] takes 2 values, and 3 are written/],
        [1, '1 2', /A scalar takes 1 value, and 2 are written/],
        [1, '', /A scalar takes 1 value, and 0 are written/],
      ];
      for (const [index, text, said] of wrong) {
        await type(page, 0, '1, 2');
        await type(page, 1, '3');
        await type(page, index, text);
        await page.click('#own-run');
        await page.waitFor(
          (at: number) => (document.querySelector(`#own-input-${at}-failure`) as HTMLElement).hidden === false,
          PATIENCE,
          index,
        );
        expect(await page.text(`#own-input-${index}-failure`)).toMatch(said);
        expect(await page.evaluate(() => document.activeElement?.id)).toBe(`own-input-${index}-typed`);
        expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-invalid'))).toBe('true');
        expect(await page.text(`#own-input-${1 - index}-failure`)).toBe('');
      }
      await type(page, 0, '1 2 3 4');
      await type(page, 1, '3');
      expect(await run(page)).toMatchObject({ 'out0: float32 [2, 2]': '1, 2\n3, 4', 'out1: int64 scalar': '3' });
      const isSaid = await page.evaluate(() =>
        [...document.querySelectorAll('#own-panel .alert, #own-alert')].some((alert) => !(alert as HTMLElement).hidden),
      );
      expect(isSaid).toBe(false);
      await type(page, 1, 'three');
      await page.click('#own-run');
      await page.waitFor(() => (document.querySelector('#own-input-1-failure') as HTMLElement).hidden === false, PATIENCE);
      // An answer to other values does not stay beside the refusal.
      expect(await page.text('#own-result')).toMatch(/^It answers with out0: .*; out1: int64 scalar\.$/);
    });
  },
);

browserTest('a run that the model refuses is said beside the button, and the next one answers', ['chromium'], async ({ page }) => {
  await withDemo(page, async () => {
    const weights = [{ name: 'table', dims: [3], data: Float32Array.of(10, 20, 30) }];
    const index: OnnxValue = { name: 'index', dims: [], type: 'int64' };
    const nodes = [{ operator: 'Gather', inputs: ['table', 'index'], output: 'y' }];
    await openFile(page, await fileOf('gather.onnx', onnxModel([index], nodes, [{ name: 'y', dims: [] }], { weights })));
    await type(page, 0, '7');
    await page.click('#own-run');
    await page.waitFor(() => document.querySelector('#run-alert')?.textContent?.includes('(run-failed)'), PATIENCE);
    await type(page, 0, '2');
    expect(await run(page)).toEqual({ 'y: float32 scalar': '30' });
    expect(await page.evaluate(() => (document.querySelector('#run-alert') as HTMLElement).hidden)).toBe(true);
  });
});

browserTest('a million values are summed up, and the page stays as wide as a phone', ['chromium'], async ({ page }) => {
  await withDemo(page, async () => {
    const name = 'Ж'.repeat(128);
    const weights = [{ name: 'shape', dims: [2], type: 'int64' as const, data: BigInt64Array.of(1000n, 1000n) }];
    const nodes = [{ operator: 'Expand', inputs: [name, 'shape'], output: 'constructor' }];
    const outputs = [{ name: 'constructor', dims: [1000, 1000] }];
    await page.setViewport({ width: 360, height: 800 });
    await openFile(page, await fileOf('million.onnx', onnxModel([{ name, dims: [1] }], nodes, outputs, { weights })));
    await type(page, 0, 'nan');
    await page.click('#own-run');
    await page.waitFor(() => document.querySelector('.output .muted')?.textContent === '1,000,000 values, 1,000,000 NaN', PATIENCE);
    expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
    expect(await page.evaluate(() => document.querySelector('.output pre')?.textContent?.endsWith('… 999,800 more'))).toBe(true);
  });
});

browserTest(
  'a file of 2.1 GB, one that is no model and a drop without one end in sentences, and the page goes on',
  ['chromium'],
  async ({ page }) => {
    await withDemo(page, async () => {
      await drop(page, ['notes.txt', 'more.txt'], 1);
      await page.waitFor(() => document.querySelector('#own-alert')?.textContent?.startsWith('None of these 2 files'), PATIENCE);
      await drop(page, ['large.onnx'], 2_100);
      await page.waitFor(() => document.querySelector('#own-alert')?.textContent?.includes('(model-too-large)'), PATIENCE);
      await page.chooseFile('#model-file', await fileOf('notes.onnx', Buffer.from('<!doctype html><title>Sign in</title>')));
      await page.waitFor(() => document.querySelector('#own-alert')?.textContent?.includes('(model-not-onnx)'), PATIENCE);
      expect(await page.text('#own-status')).toBe('');
      await openFile(page, await fileOf('right.onnx', echo([{ name: 'x', dims: [] }])));
      expect(await page.evaluate(() => (document.querySelector('#own-alert') as HTMLElement).hidden)).toBe(true);
    });
  },
);

browserTest('with the keyboard alone a value is written and run, and the answer is told', ['chromium'], async ({ page }) => {
  await withDemo(page, async () => {
    await openFile(page, await fileOf('keys.onnx', echo([{ name: 'x', dims: [], type: 'int32' }])));
    await page.evaluate(() => {
      const typed = document.querySelector('#own-input-0-typed') as HTMLTextAreaElement;
      typed.value = '';
      typed.focus();
    });
    for (const key of ['4', '2', 'Tab', 'Enter']) await page.press(key);
    await page.waitFor(() => document.querySelector('#own-status[role=status]')?.textContent?.startsWith('Answered'), PATIENCE);
    expect(await page.text('.output pre')).toBe('42');
    const unnamed = await page.evaluate(() =>
      [...document.querySelectorAll('main input, main select, main textarea')]
        .filter((control) => (control as HTMLInputElement).labels?.length === 0 && !control.hasAttribute('aria-label'))
        .map(({ id }) => id),
    );
    expect(unnamed).toEqual([]);
  });
});
