/**
 * Builds the site: demo at /, dashboard at /dashboard/, service worker at /sw.js, all into dist/site.
 *
 * The library's worker and runtime are not part of it: the pages load them from insitu/, as any user of the script tag does.
 *
 * Invariants
 *  - Every address is relative to the page, stylesheet or script that names it: the site works behind any path prefix.
 */
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { defineConfig, type Plugin } from 'vite';
import { getManifest } from 'workbox-build';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const site = path('dist/site');
const release = JSON.stringify((JSON.parse(await readFile(path('package.json'), 'utf8')) as { version: string }).version);

/** From where each page is served to the built files. */
const ROOT_OF_PAGE: Readonly<Record<string, string>> = { 'demo/index.html': './', 'collector/dashboard/index.html': '../' };

/** Pages lie where a server expects them, not where their sources lie. */
function placePages(): Plugin {
  return {
    name: 'place-pages',
    async closeBundle() {
      await rename(`${site}/demo/index.html`, `${site}/index.html`);
      if (existsSync(`${site}/collector`)) {
        await mkdir(`${site}/dashboard`, { recursive: true });
        await rename(`${site}/collector/dashboard/index.html`, `${site}/dashboard/index.html`);
        await rm(`${site}/collector`, { recursive: true });
      }
      await rm(`${site}/demo`, { recursive: true });
      await buildServiceWorker();
    },
  };
}

async function buildServiceWorker(): Promise<void> {
  const { manifestEntries } = await getManifest({
    globDirectory: site,
    globPatterns: ['index.html', 'assets/**/*'],
    globIgnores: ['**/dashboard*', '**/*.map'],
    // Names in assets/ hold their hash already.
    dontCacheBustURLsMatching: /^assets\//,
  });
  const precache = manifestEntries.map(({ url, revision }) => ({ url, revision }));
  const define = { __PRECACHE__: JSON.stringify(precache), __RELEASE__: release, 'process.env.NODE_ENV': '"production"' };
  const build = await rolldown({ input: path('demo/service-worker/service-worker.ts'), platform: 'browser', transform: { define } });
  await build.write({ file: `${site}/sw.js`, format: 'iife', minify: true, codeSplitting: false });
  await build.close();
}

export default defineConfig({
  root: path('.'),
  publicDir: false,
  define: { __RELEASE__: release },
  plugins: [placePages()],
  experimental: {
    renderBuiltUrl: (file, { hostId, hostType }) => (hostType === 'html' ? `${ROOT_OF_PAGE[hostId]}${file}` : { relative: true }),
  },
  build: {
    outDir: site,
    emptyOutDir: true,
    target: 'es2022',
    assetsInlineLimit: 0,
    rollupOptions: {
      input: {
        demo: path('demo/index.html'),
        ...(existsSync(path('collector/dashboard/index.html')) ? { dashboard: path('collector/dashboard/index.html') } : {}),
      },
    },
  },
});
