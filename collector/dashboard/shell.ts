/**
 * The shell: which page the address says, when it asks the collector, and what is said when it cannot.
 *
 * Invariants
 *  - A page asks one thing after the other; what changes meanwhile is asked for once more when it has come. Another address breaks off
 *    what was asked for the last one.
 *  - Nothing is asked for while the document is hidden; what has changed by then is asked for when it is seen again.
 *  - A collector that does not answer is said so, and asked again.
 *  - What nobody tells of is looked for: models that were registered since, and, where live updates do not come, new sums.
 *  - The focus moves to a page's heading when a person has gone there, and never when something came by itself.
 *
 * Not here: the pages (pages/), the words (view/).
 */
import { byId } from '../../site/element.ts';
import { RETRY_MS } from './ask/api.ts';
import { KEY_REFUSED, KeyRefusedError } from './ask/owner-api.ts';
import { ownerKey, takeKeyFromAddress } from './ask/owner-key.ts';
import { KeyForm } from './parts/key-form.ts';
import type { News, Page } from './parts/page.ts';
import { type Address, type PageName, readAddress, writeAddress } from './view/address.ts';
import { zoneText } from './view/when.ts';

/** Between two looks for what nobody tells of. Whoever has just registered a model waits for it in front of the page. */
const LOOK_MS = 10_000;
/** Every so many looks the sums are asked for as well: the hour moves on where nothing comes. */
const LOOKS_PER_LOAD = 6;
/** From a commit to a load that it wished for soon. */
const SOON_MS = 15_000;

type Pages = { readonly [N in PageName]: Page<Extract<Address, { readonly page: N }>> };

export class Shell {
  private readonly pages: Pages;
  private readonly keyForm = new KeyForm();
  private address: Address;
  private turn = new AbortController();
  private loading: Promise<void> | null = null;
  private isStale = false;
  private isLive = false;
  private wasDown = false;
  private lookCount = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private soonTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(pages: Pages) {
    this.pages = pages;
    takeKeyFromAddress();
    this.address = readAddress(location.hash);
  }

  start(): void {
    addEventListener('hashchange', () => {
      takeKeyFromAddress();
      this.arrive(readAddress(location.hash));
    });
    byId('skip').addEventListener('click', (event) => {
      // An address of its own would be another page.
      event.preventDefault();
      byId('main').focus();
    });
    ownerKey.whenChanged(() => this.keyChanged());
    setInterval(() => this.lookAgain(), LOOK_MS);
    document.addEventListener('visibilitychange', () => this.seen());
    byId('zone').textContent = `Times are those of ${zoneText(Date.now())}.`;
    this.show(null);
    this.load();
  }

  /** As a person goes there: with a step to go back. */
  go(address: Address, how: 'push' | 'replace' = 'push'): void {
    const hash = writeAddress(address);
    if (hash === location.hash) return;
    if (how === 'push') {
      location.hash = hash;
      return;
    }
    history.replaceState(null, '', hash);
    this.address = address;
  }

  told(news: News): void {
    const wish = this.page.heard(news, this.address);
    if (wish === 'now') this.load();
    else if (wish === 'look') void this.look();
    else if (wish === 'soon') this.loadSoon();
  }

  connected(isLive: boolean): void {
    this.isLive = isLive;
    const text = isLive ? 'Live' : 'No live updates; asking again every few seconds.';
    if (byId('connection').textContent !== text) byId('connection').textContent = text;
    if (!isLive) this.wasDown = true;
    // At first what is shown is as new as the connection, but for what was committed between the two.
    else if (this.wasDown) this.told({ what: 'connected' });
    else this.loadSoon();
  }

  private loadSoon(): void {
    this.soonTimer ??= setTimeout(() => this.load(), SOON_MS);
  }

  private get page(): Page {
    return this.pages[this.address.page] as Page;
  }

  private arrive(address: Address): void {
    const before = this.address;
    if (writeAddress(before) === writeAddress(address)) return;
    this.address = address;
    if (before.page !== address.page) (this.pages[before.page] as Page).leave?.();
    this.show(before);
    this.breakOff();
    this.load();
  }

  /** @param before null: nothing was shown. */
  private show(before: Address | null): void {
    const { page, title } = { page: this.address.page, title: this.page.title };
    for (const section of document.querySelectorAll<HTMLElement>('section.page')) section.hidden = section.dataset.page !== page;
    const current = page === 'incident' ? 'incidents' : page;
    for (const link of byId('pages').querySelectorAll('a')) {
      if (link.dataset.page === current) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    document.title = `${title} · Insitu dashboard`;
    this.showKeyNotice();
    this.page.show(this.address);
    const isAnother = before !== null && (before.page !== page || page === 'incident');
    if (!isAnother) return;
    scrollTo(0, 0);
    document.querySelector<HTMLElement>(`section.page[data-page="${page}"] h1`)?.focus({ preventScroll: true });
  }

  private showKeyNotice(): void {
    const { page } = this.address;
    const why = this.page.needsKey
      ? 'This page needs the admin key: what is wrong with a model is its owner’s business.'
      : 'These are the public numbers. Sign in with the admin key to see verdicts and incidents.';
    const text = ownerKey.wasRefused ? KEY_REFUSED : why;
    const isOffered = page === 'overview' || page === 'model' || this.page.needsKey;
    this.keyForm.showNotice(ownerKey.value === null && isOffered ? text : null);
  }

  private keyChanged(): void {
    this.showKeyNotice();
    this.page.show(this.address);
    this.breakOff();
    this.load();
  }

  private breakOff(): void {
    this.turn.abort();
    this.turn = new AbortController();
    this.loading = null;
    this.isStale = false;
    this.showAlert(null);
  }

  private seen(): void {
    if (document.visibilityState !== 'visible') return;
    if (this.isStale && this.loading === null) this.load();
    else this.lookAgain();
  }

  private lookAgain(): void {
    if (document.visibilityState !== 'visible') return;
    this.lookCount++;
    if (!this.isLive || this.lookCount % LOOKS_PER_LOAD === 0) this.load();
    else void this.look();
  }

  private async look(): Promise<void> {
    const { turn } = this;
    try {
      if ((await this.page.look?.(turn.signal)) === true && !turn.signal.aborted) this.load();
    } catch {
      // The next load says what is wrong, and is repeated.
    }
  }

  private load(): void {
    clearTimeout(this.soonTimer);
    this.soonTimer = undefined;
    if (this.loading !== null || document.visibilityState !== 'visible') {
      this.isStale = true;
      return;
    }
    this.isStale = false;
    clearTimeout(this.retryTimer);
    const { turn } = this;
    const loading = this.loadOnce(turn.signal).finally(() => {
      if (turn.signal.aborted) return;
      this.loading = null;
      if (this.isStale) this.load();
    });
    this.loading = loading;
  }

  private async loadOnce(signal: AbortSignal): Promise<void> {
    if (this.page.needsKey && ownerKey.value === null) return;
    try {
      await this.page.load(this.address, signal);
      if (!signal.aborted) this.showAlert(null);
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof KeyRefusedError) {
        this.showAlert(error.message);
        return;
      }
      this.showAlert(`${sentenceOf(error)} Trying again.`);
      this.retryTimer = setTimeout(() => this.load(), RETRY_MS);
    }
  }

  /** What is written again is read out again. */
  private showAlert(sentence: string | null): void {
    const alert = byId('alert');
    alert.hidden = sentence === null;
    if (alert.textContent !== (sentence ?? '')) alert.textContent = sentence ?? '';
  }
}

function sentenceOf(error: unknown): string {
  // What cannot be read is of another release, or another program's: its words would say nothing to a reader.
  if (error instanceof TypeError) return 'The collector’s answer is not one that this page can read: serve both from one release.';
  return error instanceof Error ? error.message : String(error);
}
