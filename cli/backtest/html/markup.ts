/**
 * Markup: HTML made of text, with nothing of it taken for a tag.
 *
 * Invariants
 *  - `Html` is made here alone; whatever else is put into it is escaped. Names of a manifest or a file cannot become a tag.
 */

/** Text that is markup already. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = Html | string | number | readonly Html[];

/** html`<p>${text}</p>`: parts are escaped unless they are `Html`. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.map((string, index) => (index === 0 ? string : `${textOf(parts[index - 1] as Part)}${string}`)).join(''));
}

export const NOTHING = new Html('');

function textOf(part: Part): string {
  if (part instanceof Html) return part.text;
  return typeof part === 'object' ? part.map(({ text }) => text).join('') : escaped(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] as string).replace(/\p{Cc}/gu, ' ');
}

export interface HtmlColumn {
  readonly title: string;
  readonly isNumber?: true;
}

/** Names its rows by the first cell of each. It can be scrolled sideways, by keyboard too, where it is too wide. */
export function htmlTable(caption: string, columns: readonly HtmlColumn[], rows: readonly (readonly (string | Html)[])[]): Html {
  const kind = (index: number) => new Html(columns[index]?.isNumber ? ' class="number"' : '');
  const head = columns.map(({ title }, index) => html`<th scope="col"${kind(index)}>${title}</th>`);
  const body = rows.map(([first = '', ...rest]) => {
    const cells = rest.map((cell, index) => html`<td${kind(index + 1)}>${cell}</td>`);
    return html`<tr><th scope="row"${kind(0)}>${first}</th>${cells}</tr>`;
  });
  return html`<div class="scroll" role="region" tabindex="0" aria-label="${caption}"><table><caption>${caption}</caption><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>`;
}
