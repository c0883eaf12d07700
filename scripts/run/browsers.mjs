/**
 * Browsers: what is there, and on Debian as root what is missing is installed.
 *
 * Invariants
 *  - A browser that is there is used as it is; only what is missing is installed, without recommended packages.
 *  - Where we cannot install, the answer says exactly what to install.
 *
 * Not here: where browsers lie (test/harness/browser-paths.mjs), starting them (test/harness).
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import * as paths from '../../test/harness/browser-paths.mjs';

/** MiniBrowser lies in WebKitGTK's library package, which the driver's package depends on. */
const NEEDS = {
  chromium: [
    { what: 'Chromium or Chrome', paths: 'CHROMIUM_PATHS', debian: 'chromium' },
    // Which run there alone: test/conformance/node-tests.ts.
    { what: "ONNX's node tests", paths: 'ONNX_TESTDATA_PATHS', debian: 'libonnx-testdata' },
    // Of notifications: test/fault/alertmanager.test.ts. It needs no browser, and is looked for once.
    { what: 'Alertmanager', paths: 'ALERTMANAGER_PATHS', debian: 'prometheus-alertmanager' },
  ],
  firefox: [{ what: 'Firefox', paths: 'FIREFOX_PATHS', debian: 'firefox-esr' }],
  webkit: [
    { what: 'WebKitWebDriver', paths: 'WEBKIT_DRIVER_PATHS', debian: 'webkit2gtk-driver' },
    { what: "WebKitGTK's MiniBrowser", paths: 'MINIBROWSER_PATHS', debian: 'webkit2gtk-driver' },
    { what: 'Xvfb', paths: 'XVFB_PATHS', debian: 'xvfb' },
  ],
};
export const ENGINES = Object.keys(NEEDS);
/** Without any font a browser draws no text, and a test that reads positions would measure nothing. */
const FONT_PACKAGE = 'fonts-dejavu-core';

/** @param {string[]} engines */
async function missingOf(engines) {
  // Anew each time: the folders are read when the module is loaded.
  const found = await import(`../../test/harness/browser-paths.mjs?at=${Date.now()}`);
  return engines.flatMap((engine) =>
    NEEDS[engine].filter((need) => found.firstExisting(found[need.paths]) === null).map((need) => ({ engine, ...need })),
  );
}

/**
 * Installs what is missing where that is possible.
 *
 * @param {string[]} engines
 * @returns {Promise<{ engine: string, sentence: string }[]>} one entry per engine that is still not usable
 */
export async function ensureBrowsers(engines) {
  let missing = await missingOf(engines);
  if (missing.length === 0) return [];
  const packages = [...new Set(missing.map(({ debian }) => debian)), FONT_PACKAGE];
  const isRoot = process.getuid?.() === 0;
  if (existsSync('/usr/bin/apt-get') && isDebian() && isRoot) {
    process.stdout.write(`Installing ${packages.join(', ')} …\n`);
    const options = { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } };
    spawnSync('apt-get', ['update', '-qq'], options);
    spawnSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], options);
    missing = await missingOf(engines);
  }
  const advice = isDebian()
    ? `apt-get install --no-install-recommends ${packages.join(' ')}`
    : 'install it with the means of this system, or name its path in INSITU_CHROMIUM, INSITU_FIREFOX, INSITU_WEBKIT_DRIVER, INSITU_MINIBROWSER, INSITU_ONNX_TESTDATA and INSITU_ALERTMANAGER';
  return [...new Set(missing.map(({ engine }) => engine))].map((engine) => {
    const what = missing.filter((need) => need.engine === engine).map((need) => need.what);
    const others = engines.filter((other) => other !== engine).join(',');
    const narrow = others === '' ? '' : ` Or leave it out: npm test -- --browsers=${others}`;
    return { engine, sentence: `${engine}: ${what.join(' and ')} is missing. As root: ${advice}.${narrow}` };
  });
}

function isDebian() {
  return existsSync('/etc/debian_version') && paths.firstExisting(['/usr/bin/apt-get']) !== null;
}
