/**
 * Page and browser: the interface that each engine implements.
 *
 * Invariants
 *  - Points of `stroke` are in 0..1 of the element's box; the pointer events that arrive are the engine's own, at whole CSS pixels.
 *  - `waitFor` polls in the page's order of events and never sleeps longer than its poll interval; a timeout names what was awaited.
 *
 * Not here: the engines.
 */
import { type PageFunction, pageAnswer, pageExpression } from './page-script.ts';

export type Engine = 'chromium' | 'firefox' | 'webkit';
export type Point = readonly [x: number, y: number];

export interface LaunchOptions {
  /** Kept after the browser closes; without it a temporary profile is made and removed. Not for WebKitGTK. */
  profileDir?: string;
  /** Chromium only: WebGPU on the CPU (SwiftShader). */
  webgpu?: boolean;
  /** Chromium only: WebNN's interface, which a flag hides; whether it has a device is another question. */
  webnn?: boolean;
}

export interface Browser {
  readonly engine: Engine;
  readonly version: string;
  newPage(): Promise<Page>;
  /** Chromium only: a browser of its own as far as a page can tell, with storage of its own that goes when it closes. */
  newVisitor?(): Promise<Visitor>;
  /** Chromium only: how much the origin may store; null gives back what it had. */
  limitStorage?(origin: string, bytes: number | null): Promise<void>;
  /** Chromium only: stops all its processes for so long. */
  sleep?(durationMs: number): Promise<void>;
  /** Memory of all its processes, shared pages in parts. */
  memoryBytes(): number;
  /** SIGKILL for the whole process group, as a crash would do. */
  kill(): Promise<void>;
  /** Pages closed, profile flushed, processes gone, temporary profile removed. */
  close(): Promise<void>;
}

export interface Visitor {
  newPage(): Promise<Page>;
  close(): Promise<void>;
}

export interface Page {
  readonly engine: Engine;
  /** What the page wrote to its console, and its uncaught errors. WebKitGTK: always empty. */
  readonly consoleLines: readonly string[];
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  /** To the page before, as a person goes back: from the back/forward cache where the engine has kept it. May resolve before it is there. */
  back(): Promise<void>;
  evaluate<Args extends unknown[], Result>(source: PageFunction<Args, Result>, ...args: Args): Promise<Result>;
  evaluate<Result = unknown>(source: string, ...args: unknown[]): Promise<Result>;
  /** Polls until the source answers something truthy, and gives that back. */
  waitFor<Args extends unknown[], Result>(source: PageFunction<Args, Result>, options?: WaitOptions, ...args: Args): Promise<Result>;
  waitFor<Result = unknown>(source: string, options?: WaitOptions, ...args: unknown[]): Promise<Result>;
  click(selector: string): Promise<void>;
  /** One key of KeyboardEvent.key: 'Tab', 'Enter', ' ', 'a', 'ArrowRight' … */
  press(key: string): Promise<void>;
  /** Chooses a file in an `<input type=file>`. */
  chooseFile(selector: string, path: string): Promise<void>;
  /** The element's text, trimmed; an error when there is no such element. */
  text(selector: string): Promise<string>;
  stroke(selector: string, points: readonly Point[]): Promise<void>;
  screenshot(path: string): Promise<void>;
  setViewport(size: { width: number; height: number }): Promise<void>;
  /** Chromium only: the scripts' heap after a garbage collection, and event listeners that live. */
  heap?(): Promise<{ readonly bytes: number; readonly listenerCount: number }>;
  /** Closes the tab as a user does: the page's hide events run. */
  close(): Promise<void>;
}

export interface WaitOptions {
  timeoutMs?: number;
}

const WAIT_TIMEOUT_MS = 30_000;
const WAIT_POLL_MS = 50;

/** What an engine must be able to do; the rest follows. */
export interface PageDriver {
  engine: Engine;
  readonly consoleLines: readonly string[];
  goto(url: string): Promise<void>;
  reload(): Promise<void>;
  back(): Promise<void>;
  /** Runs an expression whose value is a promise of a string. */
  run(expression: string): Promise<unknown>;
  click(selector: string): Promise<void>;
  press(key: string): Promise<void>;
  chooseFile(selector: string, path: string): Promise<void>;
  /** Pointer down at the first point, over all others, up at the last; viewport CSS pixels. */
  drag(points: readonly Point[]): Promise<void>;
  screenshot(path: string): Promise<void>;
  setViewport(size: { width: number; height: number }): Promise<void>;
  heap?: Page['heap'];
  close(): Promise<void>;
}

type Source = ((...args: never[]) => unknown) | string;

export function pageOf(driver: PageDriver): Page {
  const evaluate = async (source: Source, ...args: unknown[]) => pageAnswer(await driver.run(pageExpression(source, args)));
  const waitFor = async (source: Source, { timeoutMs = WAIT_TIMEOUT_MS }: WaitOptions = {}, ...args: unknown[]) => {
    const endMs = performance.now() + timeoutMs;
    for (;;) {
      const value = await evaluate(source, ...args);
      if (value) return value;
      if (performance.now() > endMs)
        throw new Error(`after ${timeoutMs} ms still not true in ${driver.engine}: ${String(source)} ${JSON.stringify(args)}`);
      await new Promise((resolve) => setTimeout(resolve, WAIT_POLL_MS));
    }
  };
  return {
    engine: driver.engine,
    consoleLines: driver.consoleLines,
    goto: (url) => driver.goto(url),
    reload: () => driver.reload(),
    back: () => driver.back(),
    evaluate: evaluate as Page['evaluate'],
    waitFor: waitFor as Page['waitFor'],
    async click(selector) {
      await waitFor(isPresent, {}, selector);
      await driver.click(selector);
    },
    press: (key) => driver.press(key),
    chooseFile: (selector, path) => driver.chooseFile(selector, path),
    async text(selector) {
      return (await evaluate(textOf, selector)) as string;
    },
    async stroke(selector, points) {
      const box = (await evaluate(boxOf, selector)) as Box;
      await driver.drag(points.map(([x, y]) => [Math.round(box.left + x * box.width), Math.round(box.top + y * box.height)]));
    },
    screenshot: (path) => driver.screenshot(path),
    setViewport: (size) => driver.setViewport(size),
    ...(driver.heap === undefined ? {} : { heap: driver.heap }),
    close: () => driver.close(),
  };
}

interface Box {
  left: number;
  top: number;
  width: number;
  height: number;
}

// The three below run in the page.

function isPresent(selector: string): boolean {
  return document.querySelector(selector) !== null;
}

function textOf(selector: string): string {
  const element = document.querySelector(selector);
  if (element === null) throw new Error(`no element matches ${selector}`);
  return (element.textContent ?? '').trim();
}

function boxOf(selector: string): Box {
  const element = document.querySelector(selector);
  if (element === null) throw new Error(`no element matches ${selector}`);
  element.scrollIntoView({ block: 'center', inline: 'center', behavior: 'instant' });
  const { left, top, width, height } = element.getBoundingClientRect();
  return { left, top, width, height };
}
