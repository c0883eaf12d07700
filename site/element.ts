/**
 * Elements: the few lines of DOM building that demo and dashboard need.
 *
 * Invariants
 *  - Text is set as text, never as markup, so nothing that a file or a person names can become an element.
 */

type Child = Node | string | null;

/** `class`, `id`, `aria-*` and other attributes; false and null leave an attribute out, true sets it empty. */
type Attributes = Readonly<Record<string, string | number | boolean | null>>;

/** @param children null is left out. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, '');
    else if (value !== false && value !== null) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** The page's element of that id. @throws {TypeError} when index.html lacks it: ids are written in our own page. */
export function byId<Type extends HTMLElement = HTMLElement>(id: string): Type {
  const found = document.getElementById(id);
  if (found === null) throw new TypeError(`index.html has no #${id}`);
  return found as Type;
}

/** A table; columns after the first are numbers, set flush right. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): HTMLTableElement {
  const cell = (tag: 'th' | 'td') => (text: string, index: number) => element(tag, { class: index > 0 ? 'number' : null }, text);
  const head = element('thead', {}, element('tr', {}, ...titles.map(cell('th'))));
  return element('table', {}, head, element('tbody', {}, ...rows.map((row) => element('tr', {}, ...row.map(cell('td'))))));
}
