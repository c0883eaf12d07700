/**
 * `<insitu-sent>`: what left this page, for any site. Whether and why it counts, each request byte for byte and in words,
 * what waits, and the way out.
 *
 *   import 'insitu/element';        or <script type="module" src="…/insitu.element.js"></script>
 *   document.querySelector('insitu-sent').client = client;
 *
 * Why in the library: "what did you send about me?" deserves the same answer on every site, and none should have to write a
 * decoder to give it.
 *
 * Invariants
 *  - Shows `inspect()`: the bytes that were handed to the network, and words decoded from those bytes.
 *  - No inline style, script or handler: it works under a policy that forbids them.
 *  - At most one look per frame, none in a hidden tab or outside a document.
 *
 * Not here: asking for consent, which is the site's own question. There is a button to take it back.
 */
import { DATA_REPORT_RUN_COUNT_MIN } from '../../protocol/limits.ts';
import type { Telemetry, TelemetryStatus } from '../api/telemetry.ts';
import { make, type RequestItem, requestItem } from './sent-request.ts';
import { sentStyle } from './sent-style.ts';
import { fill, SENT_TEXTS, type SentTexts } from './sent-texts.ts';

export type { SentTexts } from './sent-texts.ts';

const REQUESTS_SHOWN_DEFAULT = 5;

interface Parts {
  readonly state: HTMLElement;
  readonly figures: HTMLElement;
  readonly flush: HTMLButtonElement;
  readonly erase: HTMLButtonElement;
  readonly withdraw: HTMLButtonElement;
  readonly nothing: HTMLElement;
  readonly list: HTMLElement;
}

/** A live region speaks at each write, also of the same words. */
function setText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** On a server, where a page may be rendered, the module can be imported and does nothing. */
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement);

export class InsituSentElement extends Base {
  private source: Telemetry | null = null;
  private words: SentTexts = SENT_TEXTS;
  private stop: () => void = () => undefined;
  private frame = 0;
  private look = 0;
  /** What a button did, until the state it led to changes. */
  private said: { readonly text: string; readonly state: string } | null = null;
  private items = new Map<string, RequestItem>();
  private parts: Parts | null = null;

  /** The client whose requests are shown; `telemetry` is the same for a client's telemetry alone. */
  set client(client: { readonly telemetry: Telemetry } | null) {
    this.telemetry = client?.telemetry ?? null;
  }

  get telemetry(): Telemetry | null {
    return this.source;
  }

  set telemetry(telemetry: Telemetry | null) {
    this.source = telemetry;
    if (this.isConnected) this.connectedCallback();
  }

  get texts(): SentTexts {
    return this.words;
  }

  /** Words for some or all sentences; the rest stays English. Times and dates follow the language of the element (`lang`) or the browser. */
  set texts(texts: Partial<SentTexts>) {
    this.words = { ...SENT_TEXTS, ...texts };
    if (this.parts === null) return;
    this.items.clear();
    this.parts = null;
    this.connectedCallback();
  }

  connectedCallback(): void {
    for (const name of ['texts', 'client', 'telemetry'] as const) this.adopt(name);
    this.parts ??= this.build(this.shadowRoot ?? this.attachShadow({ mode: 'open' }));
    this.stop();
    this.stop = this.source?.subscribe(() => this.showLater()) ?? this.stop;
    this.showLater();
  }

  disconnectedCallback(): void {
    this.stop();
    this.stop = () => undefined;
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  /** A property that was set before this class was known hides its setter. */
  private adopt(name: 'texts' | 'client' | 'telemetry'): void {
    const found = Object.getOwnPropertyDescriptor(this, name);
    if (found === undefined) return;
    Reflect.deleteProperty(this, name);
    Reflect.set(this, name, found.value);
  }

  private build(root: ShadowRoot): Parts {
    const { words } = this;
    const parts: Parts = {
      state: make('p', { role: 'status', part: 'state' }),
      figures: make('p', { class: 'muted', part: 'figures' }),
      flush: this.button('flush', words.flush, (telemetry) => telemetry.flush(), ''),
      erase: this.button('erase', words.erase, (telemetry) => telemetry.erase(), words.erased),
      withdraw: this.button('withdraw', words.withdraw, (telemetry) => telemetry.withdraw(), words.withdrawn),
      nothing: make('p', { class: 'muted' }, words.nothing),
      list: make('ul', { part: 'requests', 'aria-label': words.requests }),
    };
    const actions = make('div', { class: 'actions', part: 'actions' }, parts.flush, parts.erase, parts.withdraw);
    root.adoptedStyleSheets = [sentStyle()];
    root.replaceChildren(parts.state, parts.figures, actions, parts.nothing, parts.list);
    return parts;
  }

  private button(part: string, text: string, act: (telemetry: Telemetry) => Promise<void>, done: string): HTMLButtonElement {
    const button = make('button', { type: 'button', part }, text);
    button.addEventListener('click', async () => {
      if (this.source === null) return;
      const say = (said: string) => {
        this.said = said === '' ? null : { text: said, state: this.stateText() };
      };
      try {
        await act(this.source);
        say(done);
      } catch (error) {
        say(fill(this.words.failed, { reason: error instanceof Error ? error.message : String(error) }));
      }
      this.showLater();
    });
    return button;
  }

  private showLater(): void {
    if (this.frame !== 0 || !this.isConnected) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = 0;
      void this.show();
    });
  }

  private async show(): Promise<void> {
    const { parts, source } = this;
    if (parts === null) return;
    const look = ++this.look;
    this.showStatus(parts, source?.status() ?? null);
    try {
      const requests = (await source?.inspect()) ?? [];
      // A later look, other words or another client came in between.
      if (look !== this.look || parts !== this.parts || source !== this.source) return;
      const { language } = this;
      const shown = requests.slice(-this.limit).reverse();
      this.items = new Map(
        shown.map((request) => {
          const key = `${request.sentAtMs} ${request.windows[0]?.id ?? ''}`;
          const item = this.items.get(key) ?? requestItem(request, this.words, language);
          item.show(request);
          return [key, item];
        }),
      );
      this.placeItems(parts.list);
      parts.nothing.hidden = shown.length > 0;
    } catch (error) {
      setText(parts.state, fill(this.words.failed, { reason: String(error) }));
    }
  }

  /** Newest first. What stays is not moved: it would lose the focus. */
  private placeItems(list: HTMLElement): void {
    const wanted = [...this.items.values()].map(({ element }) => element);
    for (const child of [...list.children]) if (!wanted.includes(child as HTMLElement)) child.remove();
    wanted.forEach((element, index) => {
      if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
    });
  }

  private showStatus(parts: Parts, status: TelemetryStatus | null): void {
    const state = this.stateText();
    if (this.said?.state !== state) this.said = null;
    setText(parts.state, this.said?.text ?? state);
    const isOn = status !== null && status.offReason === null;
    parts.figures.hidden = !isOn;
    parts.flush.disabled = !isOn || status.isPaused;
    parts.erase.disabled = !isOn;
    parts.withdraw.disabled = status?.consent !== 'granted';
    if (status !== null) setText(parts.figures, this.figuresText(status));
  }

  private stateText(): string {
    const status = this.source?.status();
    if (status === undefined) return '';
    const { words } = this;
    if (status.offReason !== null) return words[status.offReason];
    return [words.on, status.privacy === 'local-dp' ? words.noised : '', status.isPaused ? words.paused : ''].join(' ').trim();
  }

  private figuresText({ openRuns, outboxWindows, outboxBytes, sentWindows, nextAttemptAtMs, problem }: TelemetryStatus): string {
    const { words, language } = this;
    const values = { runs: openRuns, needed: DATA_REPORT_RUN_COUNT_MIN, windows: outboxWindows, bytes: outboxBytes, sent: sentWindows };
    const next = nextAttemptAtMs === null ? '' : ` ${fill(words.next, { time: new Date(nextAttemptAtMs).toLocaleTimeString(language) })}`;
    return fill(words.figures, values) + next + (problem === null ? '' : ` ${words[problem]}`);
  }

  /** Of times and dates; undefined, the browser's own, where the page says none that is one. */
  private get language(): string | undefined {
    const { lang = '' } = this.closest<HTMLElement>('[lang]') ?? {};
    try {
      // `en_US` is often written, and no date can be said in it.
      return Intl.getCanonicalLocales(lang)[0];
    } catch {
      return undefined;
    }
  }

  /** Attribute `limit`: how many requests are shown. */
  private get limit(): number {
    return Number(this.getAttribute('limit') ?? REQUESTS_SHOWN_DEFAULT) || REQUESTS_SHOWN_DEFAULT;
  }
}

if (globalThis.customElements?.get('insitu-sent') === undefined) globalThis.customElements?.define('insitu-sent', InsituSentElement);

declare global {
  interface HTMLElementTagNameMap {
    'insitu-sent': InsituSentElement;
  }
}
