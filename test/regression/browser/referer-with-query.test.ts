/**
 * A page under `Referrer-Policy: unsafe-url` sent its whole address, query included, with requests of ours.
 *
 * Method: the library, the models and the reports go to another origin, which writes down what it was told. A control shows that the page's
 * policy is in force there.
 */
import { expect } from 'vitest';
import { browserTest } from '../../harness/browsers.ts';
import { StaticServer } from '../../harness/static-server.ts';

const SECRET = 'session=4711';
const PAGE = '/referer.html';

browserTest('no request of ours tells another origin the address of the page', async ({ page, engine }) => {
  const [site, other] = await Promise.all([StaticServer.start(), StaticServer.start()]);
  // Another port of one host: across sites, Firefox and WebKit tell no more than an origin, whatever the policy says.
  const { origin } = other;
  const body = `<!doctype html><link rel="icon" href="data:," /><script src="${origin}/insitu/insitu.global.js" crossorigin></script>
<script src="/pages/referer.js"></script>`;
  site.faults.set(PAGE, { body, headers: { 'Referrer-Policy': 'unsafe-url' } });
  try {
    await page.goto(`${site.origin}${PAGE}?${SECRET}`);
    await page.waitFor('() => window.ready === true');
    for (const level of ['counts', 'local-dp']) await page.evaluate('(...of) => visit(...of)', origin, origin, level);
    await page.evaluate("(url) => fetch(url).then(() => 'sent')", `${origin}/pages/control.txt`);
    const told = other.received.filter(({ headers }) => headers.referer?.includes(SECRET)).map(({ path }) => path);
    const asked = new Set(other.received.map(({ path }) => path));
    for (const file of ['delivery', 'counts', 'local-dp']) expect(asked).toContain(`/insitu/insitu.${file}.js`);
    expect(asked).toContain('/models/tiny-text/observe.json');
    expect(asked).toContain('/v1/report/demo');
    // The page's own tag and its own fetch are the page's.
    expect({ engine, told: [...new Set(told)].sort() }).toEqual({ engine, told: ['/insitu/insitu.global.js', '/pages/control.txt'] });
  } finally {
    await Promise.all([site.close(), other.close()]);
  }
});
