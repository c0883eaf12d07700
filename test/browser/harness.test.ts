/**
 * The harness itself: what every other browser test takes for granted, shown in each engine.
 *
 * Invariants
 *  - Nothing here touches the product; the pages are strings of a server in this file.
 *
 * Not here: anything that a product test already shows.
 */
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect } from 'vitest';
import { browserTest } from '../harness/browsers.ts';
import { listenUnseen } from '../harness/unseen-port.ts';

const PAGE = `<!doctype html><meta charset="utf-8"><title>harness</title>
<body style="margin:0"><h1 style="height:40px;margin:0">  Harness </h1>
<canvas width="200" height="100" style="width:200px;height:100px;touch-action:none;display:block"></canvas>
<button onclick="this.textContent='pressed'">press</button><input type="file">
<script>
  window.events = [];
  const canvas = document.querySelector('canvas');
  for (const type of ['pointerdown', 'pointermove', 'pointerup'])
    canvas.addEventListener(type, (event) => events.push([type, event.offsetX, event.offsetY, event.buttons, event.isTrusted]));
  addEventListener('pagehide', () => fetch('/hidden', { method: 'POST', keepalive: true, body: 'bye' }));
  console.log('harness page is up');
</script>`;

const server = createServer((request, response) => {
  if (request.url === '/hidden') hidden.push(request.url);
  response.setHeader('content-type', request.url?.endsWith('.js') ? 'text/javascript' : 'text/html');
  response.end(request.url === '/module.js' ? 'export const answer = 42;' : PAGE);
});
const hidden: string[] = [];
let origin = '';

beforeAll(async () => {
  origin = `http://127.0.0.1:${await listenUnseen(server)}`;
});

afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

browserTest('evaluate takes an async function with JSON arguments and gives its value back', async ({ page }) => {
  await page.goto(origin);
  const value = await page.evaluate(
    async (left: number, right: { n: number }) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      const { answer } = (await import('/module.js' as string)) as { answer: number };
      return { sum: left + right.n, answer, href: location.pathname };
    },
    2,
    { n: 3 },
  );
  expect(value).toEqual({ sum: 5, answer: 42, href: '/' });
  expect(await page.evaluate('1 + 1')).toBe(2);
  expect(await page.evaluate('(a) => a.length', 'four')).toBe(4);
});

browserTest('an error in the page is thrown in the test with its name, code and message', async ({ page }) => {
  await page.goto(origin);
  const failing = page.evaluate(() => {
    throw Object.assign(new TypeError('wrong dims'), { code: 'tensor-dims-mismatch' });
  });
  await expect(failing).rejects.toMatchObject({ message: 'in the page: TypeError: wrong dims', code: 'tensor-dims-mismatch' });
});

browserTest('a stroke arrives as trusted pointer events at the points that were asked for', async ({ page }) => {
  await page.goto(origin);
  const points = [
    [0.1, 0.2],
    [0.5, 0.5],
    [0.9, 0.8],
  ] as const;
  await page.stroke('canvas', points);
  const events = await page.evaluate(() => (window as unknown as { events: [string, number, number, number, boolean][] }).events);
  expect(events.every(([, , , , isTrusted]) => isTrusted)).toBe(true);
  const drawn = events.filter(([type, , , buttons]) => type !== 'pointermove' || buttons === 1).map(([type, x, y]) => [type, x, y]);
  expect(drawn).toEqual([
    ['pointerdown', 20, 20],
    ['pointermove', 100, 50],
    ['pointermove', 180, 80],
    ['pointerup', 180, 80],
  ]);
});

browserTest('click, press, text, waitFor, setViewport and screenshot do what they say', async ({ page }) => {
  await page.goto(origin);
  expect(await page.text('h1')).toBe('Harness');
  await page.click('button');
  expect(await page.waitFor(() => document.querySelector('button')?.textContent === 'pressed')).toBe(true);
  await page.evaluate(() => addEventListener('keydown', (event) => document.body.setAttribute('data-key', event.key)));
  await page.press('Enter');
  expect(await page.waitFor(() => document.body.getAttribute('data-key'))).toBe('Enter');
  await page.setViewport({ width: 800, height: 600 });
  expect(await page.evaluate(() => [innerWidth, innerHeight])).toEqual([800, 600]);
  await expect(page.waitFor(() => false, { timeoutMs: 100 })).rejects.toThrow(/after 100 ms still not true/);
});

browserTest('what one page stored is there for the next page of the same browser', async ({ browser, page }) => {
  await page.goto(origin);
  await page.evaluate(async () => {
    await new Promise<void>((resolve, reject) => {
      const opening = indexedDB.open('harness', 1);
      opening.onupgradeneeded = () => opening.result.createObjectStore('rows');
      opening.onerror = () => reject(opening.error);
      opening.onsuccess = () => {
        const writing = opening.result.transaction('rows', 'readwrite');
        writing.objectStore('rows').put('kept', 'key');
        writing.oncomplete = () => resolve();
        writing.onerror = () => reject(writing.error);
      };
    });
  });
  await page.close();
  const next = await browser.newPage();
  await next.goto(origin);
  const row = await next.evaluate(
    () =>
      new Promise<string>((resolve, reject) => {
        const opening = indexedDB.open('harness', 1);
        opening.onerror = () => reject(opening.error);
        opening.onsuccess = () => {
          const reading = opening.result.transaction('rows').objectStore('rows').get('key');
          reading.onsuccess = () => resolve(reading.result as string);
          reading.onerror = () => reject(reading.error);
        };
      }),
  );
  expect(row).toBe('kept');
  await next.close();
});

browserTest('a page that closes runs its hide events, and a keepalive request from there arrives', async ({ page }) => {
  await page.goto(origin);
  hidden.length = 0;
  await page.close();
  await expect.poll(() => hidden.length, { timeout: 10_000 }).toBe(1);
});

// Not WebKitGTK: WebDriver has no command for the console.
browserTest('the console of the page is collected', ['chromium', 'firefox'], async ({ page }) => {
  await page.goto(origin);
  await expect.poll(() => page.consoleLines.join('\n')).toContain('harness page is up');
});

browserTest('WebGPU has an adapter where it was asked for', ['chromium-webgpu'], async ({ page }) => {
  await page.goto(origin);
  const hasAdapter = await page.evaluate(async () => {
    const { gpu } = navigator as unknown as { gpu?: { requestAdapter(): Promise<unknown> } };
    return gpu !== undefined && (await gpu.requestAdapter()) !== null;
  });
  expect(hasAdapter).toBe(true);
});
