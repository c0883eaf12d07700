/**
 * Under Next's webpack the address of every file of ours was a path, and no worker started.
 *
 * The bug: Next answers `new URL('./file', import.meta.url)` with an object of its own, whose `href` is a path and no address.
 */
import { afterEach, expect, test, vi } from 'vitest';
import { assetsBesideModule } from '../../sdk/assets/assets.ts';

const Address = URL;

afterEach(() => {
  vi.unstubAllGlobals();
});

test.each([
  [
    'a path',
    'https://site.example/shop/basket',
    (file: string) => `/_next/static/media/${file}`,
    'https://site.example/_next/static/media/',
  ],
  ['a path below the page', 'https://site.example/shop/', (file: string) => `media/${file}`, 'https://site.example/shop/media/'],
  ['an address of another host', 'https://site.example/', (file: string) => `https://cdn.example/${file}`, 'https://cdn.example/'],
])('where a bundler answers with %s, each file has an address', (_, baseURI, hrefOf, folder) => {
  vi.stubGlobal('document', { baseURI });
  // As bundlers do, only for what is written beside the module.
  vi.stubGlobal('URL', function at(path: string, base?: string) {
    return path.startsWith('./') ? { href: hrefOf(path.slice('./'.length)) } : new Address(path, base);
  });
  const table = assetsBesideModule();
  const addresses = [table.worker, table.delivery, table.counts, table.localDp, table.tokenizer, ...Object.values(table.runtimes.wasm)];
  expect(addresses.filter((address) => !address?.startsWith(folder))).toEqual([]);
});
