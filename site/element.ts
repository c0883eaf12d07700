/** Elements: the few lines of DOM building that the dashboard needs. Text is set as text, never as markup. */

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children);
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
  const cell = (tag: 'th' | 'td') => (text: string, index: number) => element(tag, index > 0 ? 'number' : '', text);
  const head = element('thead', '', element('tr', '', ...titles.map(cell('th'))));
  return element('table', '', head, element('tbody', '', ...rows.map((row) => element('tr', '', ...row.map(cell('td'))))));
}
