/**
 * A page of the dashboard: what the shell asks of it.
 *
 * Invariants
 *  - `load` draws from answers to its address alone, and from none once `signal` is aborted: another page, or another address, is shown by then.
 *
 * Not here: which page is shown, and when it loads (shell.ts).
 */
import type { Address } from '../view/address.ts';

/** What the collector has told, or a person has done elsewhere. */
export type News =
  | { readonly what: 'commit'; readonly modelVersion: string }
  | { readonly what: 'incident' }
  /** The collector is there, maybe another one than before: of a later release, with other plans. */
  | { readonly what: 'connected' };

/** `soon`: with others that come in the next seconds. `never`: it does not matter here. `look`: whether there is something new, first. */
export type Wish = 'now' | 'soon' | 'look' | 'never';

/** Goes to another address of any page. `replace`: the last one is none to go back to. */
export type Go = (address: Address, how?: 'push' | 'replace') => void;

export interface Page<A extends Address = Address> {
  /** For the window's title. */
  readonly title: string;
  /** Whether it can say anything without the admin key. */
  readonly needsKey: boolean;
  /** An address was chosen: its controls say so before any answer is there. */
  show(address: A): void;
  /** Asks, and draws. Rejects with a sentence when it cannot. */
  load(address: A, signal: AbortSignal): Promise<void>;
  heard(news: News, address: A): Wish;
  /** Whether something has come that nobody tells of, and `load` is due; a cheap question. */
  look?(signal: AbortSignal): Promise<boolean>;
  /** Another page is shown. */
  leave?(): void;
}
