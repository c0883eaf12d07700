/**
 * Browser paths: where each browser may lie on this machine.
 *
 * Why: the harness starts them and scripts/test.mjs installs what is missing; both must look in the same places. Plain
 * JavaScript without imports from packages, because the script runs before `npm ci`.
 *
 * Invariants
 *  - An environment variable (INSITU_CHROMIUM, INSITU_FIREFOX, INSITU_WEBKIT_DRIVER, INSITU_MINIBROWSER) wins over the search.
 *
 * Not here: starting them.
 */
import { accessSync, constants, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** @param {string[]} names @returns {string[]} */
function onPath(names) {
  const folders = (process.env.PATH ?? '').split(delimiter).concat('/usr/bin', '/usr/local/bin');
  return names.flatMap((name) => folders.map((folder) => join(folder, name)));
}

/** @param {string | undefined} path @returns {string[]} */
const chosen = (path) => (path ? [path] : []);

/** MiniBrowser lies in a folder that names architecture and API version. @returns {string[]} */
function miniBrowserPaths() {
  const found = [];
  for (const base of ['/usr/lib', '/usr/libexec', '/usr/lib64']) {
    for (const folder of list(base)) {
      if (folder.startsWith('webkit2gtk-4') || folder.startsWith('webkitgtk-6')) found.push(join(base, folder, 'MiniBrowser'));
      else if (folder.includes('-linux-gnu')) {
        for (const inner of list(join(base, folder))) {
          if (/^webkit(2gtk-4|gtk-6)/.test(inner)) found.push(join(base, folder, inner, 'MiniBrowser'));
        }
      }
    }
  }
  return found.sort().reverse();
}

/** @param {string} folder @returns {string[]} */
function list(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

export const CHROMIUM_PATHS = [
  ...chosen(process.env.INSITU_CHROMIUM),
  ...onPath(['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome']),
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];
export const FIREFOX_PATHS = [
  ...chosen(process.env.INSITU_FIREFOX),
  ...onPath(['firefox-esr', 'firefox']),
  '/Applications/Firefox.app/Contents/MacOS/firefox',
];
export const WEBKIT_DRIVER_PATHS = [...chosen(process.env.INSITU_WEBKIT_DRIVER), ...onPath(['WebKitWebDriver'])];
export const MINIBROWSER_PATHS = [...chosen(process.env.INSITU_MINIBROWSER), ...miniBrowserPaths()];
export const XVFB_PATHS = onPath(['Xvfb']);

/** Folders of ONNX's own node tests. */
export const ONNX_TESTDATA_PATHS = [...chosen(process.env.INSITU_ONNX_TESTDATA), '/usr/share/libonnx-testdata/data/node'];

/** Prometheus' Alertmanager, which notifications are tried on; Debian gives it a longer name. */
export const ALERTMANAGER_PATHS = [...chosen(process.env.INSITU_ALERTMANAGER), ...onPath(['prometheus-alertmanager', 'alertmanager'])];

/** @param {readonly string[]} paths @returns {string | null} */
export function firstExisting(paths) {
  for (const path of paths) {
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not there: the next.
    }
  }
  return null;
}
