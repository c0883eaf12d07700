/**
 * WebKitGTK: MiniBrowser under WebKitWebDriver, on a display of its own (Xvfb).
 *
 * Why: the engine of Safari's family that runs on a Linux machine from the distribution's own packages.
 *
 * Invariants
 *  - Display, driver and browser are process groups of this test process; all of them go on `kill` and `close`.
 *  - Storage is ephemeral: what pages store lives as long as the browser, shared by its pages. There are no profiles.
 *  - A page is a window, not a tab: a tab stays hidden, and a pointer action in it never comes back.
 *  - `consoleLines` stays empty: the driver throws the browser's output away, and WebDriver has no command for the console.
 *
 * Not here: the WebDriver commands (webdriver.ts).
 * Source: WebKitGTK, "Automated testing with WebDriver"; MiniBrowser --help.
 */
import { writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Readable } from 'node:stream';
import { firstExisting, MINIBROWSER_PATHS, WEBKIT_DRIVER_PATHS, XVFB_PATHS } from './browser-paths.mjs';
import { groupBytes } from './group-memory.ts';
import { guardedFolder, killGroup, removeFolder, spawnGuarded } from './guardian.ts';
import { type Browser, type LaunchOptions, type Page, type Point, pageOf } from './page.ts';
import { type Send, startSession, type WebDriverSession } from './webdriver.ts';

const START_TIMEOUT_MS = 30_000;
const SCRIPT_TIMEOUT_MS = 600_000;
const PAGE_LOAD_TIMEOUT_MS = 120_000;
/** The key under which WebDriver gives back a reference to an element. */
const ELEMENT_KEY = 'element-6066-11e4-a52e-4f735466cecf';
/** WebDriver's code points for keys that have no character. */
const KEYS: Record<string, string> = {
  Tab: '\uE004',
  Enter: '\uE007',
  Escape: '\uE00C',
  Backspace: '\uE003',
  ArrowLeft: '\uE012',
  ArrowUp: '\uE013',
  ArrowRight: '\uE014',
  ArrowDown: '\uE015',
  Home: '\uE011',
  End: '\uE010',
  Shift: '\uE008',
};

export async function launchWebkit(options: LaunchOptions): Promise<Browser> {
  if (options.webgpu) throw new Error('WebGPU is tested in Chromium only');
  if (options.profileDir !== undefined) throw new Error('WebKitGTK keeps no profile under automation; leave profileDir out');
  const driver = firstExisting(WEBKIT_DRIVER_PATHS);
  const binary = firstExisting(MINIBROWSER_PATHS);
  const xvfb = firstExisting(XVFB_PATHS);
  if (driver === null || binary === null || xvfb === null) throw new Error('WebKitWebDriver, MiniBrowser or Xvfb is missing; run npm test');
  const folder = guardedFolder('webkit');
  const groups: number[] = [];
  const finish = async () => {
    for (const pid of groups.reverse()) await killGroup(pid);
    removeFolder(folder);
  };
  try {
    const display = await startDisplay(xvfb, groups);
    const driverUrl = await startDriver(driver, environment(folder, display), groups);
    const session = await startSession(driverUrl, {
      'webkitgtk:browserOptions': { binary, args: ['--automation'] },
    });
    // The first window stays open and empty: the session ends with its last one, and a new window needs a current one.
    const home = await session.inWindow(null, async (send) => {
      await send('POST', '/timeouts', { script: SCRIPT_TIMEOUT_MS, pageLoad: PAGE_LOAD_TIMEOUT_MS, implicit: 0 });
      return String(await send('GET', '/window'));
    });
    return {
      engine: 'webkit',
      version: `${session.capabilities.browserName} ${session.capabilities.browserVersion}`,
      newPage: () => webkitPage(session, home),
      memoryBytes: () => groups.reduce((bytes, group) => bytes + groupBytes(group), 0),
      kill: finish,
      async close() {
        await session.inWindow(null, (send) => send('DELETE', '')).catch(() => {});
        await finish();
      },
    };
  } catch (error) {
    await finish();
    throw error;
  }
}

function environment(home: string, display: string): NodeJS.ProcessEnv {
  const { DBUS_SESSION_BUS_ADDRESS: _, WAYLAND_DISPLAY: __, ...inherited } = process.env;
  return {
    ...inherited,
    DISPLAY: display,
    HOME: home,
    XDG_CACHE_HOME: `${home}/cache`,
    XDG_CONFIG_HOME: `${home}/config`,
    XDG_DATA_HOME: `${home}/data`,
    GDK_BACKEND: 'x11',
    GSETTINGS_BACKEND: 'memory',
    LIBGL_ALWAYS_SOFTWARE: '1',
    NO_AT_BRIDGE: '1',
    WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1',
  };
}

/** Xvfb chooses a free display and writes its number to file descriptor 3. */
async function startDisplay(xvfb: string, groups: number[]): Promise<string> {
  const child = spawnGuarded(xvfb, ['-displayfd', '3', '-screen', '0', '1600x1200x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  if (child.pid === undefined) throw new Error(`${xvfb} did not start`);
  groups.push(child.pid);
  const number = await new Promise<string>((resolve, reject) => {
    let text = '';
    (child.stdio[3] as Readable).on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.endsWith('\n')) resolve(text.trim());
    });
    child.once('exit', (code) => reject(new Error(`Xvfb exited with ${code}`)));
  });
  return `:${number}`;
}

async function startDriver(driver: string, env: NodeJS.ProcessEnv, groups: number[]): Promise<string> {
  const port = await freePort();
  const child = spawnGuarded(driver, [`--port=${port}`, '--host=127.0.0.1'], { env, stdio: 'ignore' });
  if (child.pid === undefined) throw new Error(`${driver} did not start`);
  groups.push(child.pid);
  for (const endMs = performance.now() + START_TIMEOUT_MS; !(await isListening(port)); ) {
    if (performance.now() > endMs || child.exitCode !== null) throw new Error(`WebKitWebDriver does not listen on port ${port}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return `http://127.0.0.1:${port}`;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}

async function webkitPage(session: WebDriverSession, home: string): Promise<Page> {
  const { handle } = (await session.inWindow(home, (send) => send('POST', '/window/new', { type: 'window' }))) as { handle: string };
  let isClosed = false;
  const within = <T>(body: (send: Send) => Promise<T>) => session.inWindow(handle, body);
  return pageOf({
    engine: 'webkit',
    consoleLines: [],
    goto: (url) => within(async (send) => void (await send('POST', '/url', { url }))),
    reload: () => within(async (send) => void (await send('POST', '/refresh'))),
    // The driver's own command, which waits: a script that the page leaves before it has answered never comes back.
    back: () => within(async (send) => void (await send('POST', '/back'))),
    run: (expression) => within((send) => send('POST', '/execute/async', { script: `${expression}.then(arguments[0]);`, args: [] })),
    click: (selector) => within(async (send) => void (await send('POST', `/element/${await elementId(send, selector)}/click`))),
    press: (key) => within((send) => pressKey(send, KEYS[key] ?? key)),
    chooseFile: (selector, path) =>
      within(async (send) => void (await send('POST', `/element/${await elementId(send, selector)}/value`, { text: path }))),
    drag: (points) => within((send) => drag(send, points)),
    screenshot: (path) => within(async (send) => writeFileSync(path, Buffer.from(String(await send('GET', '/screenshot')), 'base64'))),
    setViewport: (size) => within((send) => setViewport(send, size)),
    async close() {
      if (isClosed) return;
      isClosed = true;
      await within((send) => send('DELETE', '/window'));
    },
  });
}

async function elementId(send: Send, selector: string): Promise<string> {
  const found = (await send('POST', '/element', { using: 'css selector', value: selector })) as Record<string, string>;
  return found[ELEMENT_KEY] ?? '';
}

async function pressKey(send: Send, value: string): Promise<void> {
  const actions = [
    { type: 'keyDown', value },
    { type: 'keyUp', value },
  ];
  await send('POST', '/actions', { actions: [{ type: 'key', id: 'keyboard', actions }] });
  await send('DELETE', '/actions');
}

async function drag(send: Send, points: readonly Point[]): Promise<void> {
  const moves = points.map(([x, y]) => ({ type: 'pointerMove', duration: 0, x, y, origin: 'viewport' }));
  const actions = [moves[0], { type: 'pointerDown', button: 0 }, ...moves.slice(1), { type: 'pointerUp', button: 0 }];
  await send('POST', '/actions', { actions: [{ type: 'pointer', id: 'mouse', parameters: { pointerType: 'mouse' }, actions }] });
  await send('DELETE', '/actions');
}

/** WebDriver sizes the outer window; the frame around the page is found by asking the page. */
async function setViewport(send: Send, size: { width: number; height: number }): Promise<void> {
  for (let attempt = 0; attempt < 4; attempt++) {
    const inner = (await send('POST', '/execute/sync', { script: 'return [innerWidth, innerHeight];', args: [] })) as [number, number];
    if (inner[0] === size.width && inner[1] === size.height) return;
    const outer = (await send('GET', '/window/rect')) as { width: number; height: number };
    await send('POST', '/window/rect', { width: outer.width + size.width - inner[0], height: outer.height + size.height - inner[1] });
  }
}
