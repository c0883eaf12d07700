/**
 * Keyed lists: an element for each item, that stays while its item stays, so that neither focus nor scroll is lost when numbers come.
 *
 * Why by hand: it is all that a view library would be used for here, in thirty lines; the smallest that are kept well have 3 to 5 kB.
 *
 * Invariants
 *  - An element that is in its place is not moved; one that has to be moved and had the focus has it afterwards.
 *  - Text is written only where it has changed: what is written again is drawn, and in a live region read out, again.
 */

export interface Row<Item> {
  readonly node: HTMLElement;
  readonly update: (item: Item) => void;
}

export class KeyedList<Item> {
  private readonly parent: HTMLElement;
  private readonly keyOf: (item: Item) => string;
  private readonly make: (item: Item) => Row<Item>;
  private rows = new Map<string, Row<Item>>();

  constructor(parent: HTMLElement, keyOf: (item: Item) => string, make: (item: Item) => Row<Item>) {
    this.parent = parent;
    this.keyOf = keyOf;
    this.make = make;
  }

  show(items: readonly Item[]): void {
    const focused = document.activeElement;
    const next = new Map<string, Row<Item>>();
    for (const item of items) {
      const key = this.keyOf(item);
      const row = this.rows.get(key) ?? this.make(item);
      row.update(item);
      next.set(key, row);
    }
    for (const [key, { node }] of this.rows) if (!next.has(key)) node.remove();
    let place = this.parent.firstChild;
    for (const { node } of next.values()) {
      if (node === place) place = place.nextSibling;
      else this.parent.insertBefore(node, place);
    }
    this.rows = next;
    if (focused instanceof HTMLElement && document.activeElement !== focused && this.parent.contains(focused)) {
      focused.focus({ preventScroll: true });
    }
  }
}

export function setText(node: HTMLElement, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** Shows the sentence; null hides it. */
export function setNote(node: HTMLElement, sentence: string | null): void {
  node.hidden = sentence === null;
  if (sentence !== null) setText(node, sentence);
}
