/**
 * The look of `<insitu-sent>`: a constructed style sheet, which a policy without inline style allows.
 *
 * Colours are mixed from the page's text colour, so that it is light or dark as the page is; `--insitu-accent` and the
 * parts `state`, `figures`, `actions`, `flush`, `erase`, `withdraw`, `requests`, `request`, `bytes` and `window` are a site's.
 */
const CSS = `
:host { display: block; color: inherit; font: inherit; line-height: 1.5; overflow-wrap: anywhere;
  --line: color-mix(in srgb, currentColor 18%, transparent); --soft: color-mix(in srgb, currentColor 7%, transparent);
  --muted: color-mix(in srgb, currentColor 72%, transparent); --accent: var(--insitu-accent, currentColor); }
:host([hidden]), [hidden] { display: none; }
p, ul { margin: 0 0 .75em; padding: 0; list-style: none; }
.muted { color: var(--muted); font-size: .92em; font-variant-numeric: tabular-nums; }
.actions { display: flex; flex-wrap: wrap; gap: .5em; margin-bottom: .75em; }
button { font: inherit; color: inherit; background: none; border: 1px solid var(--line); border-radius: 8px; padding: .35em .8em;
  min-height: 2.5em; cursor: pointer; }
button:hover:enabled { border-color: var(--accent); }
button:disabled { opacity: .5; cursor: default; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
details { border-top: 1px solid var(--line); }
summary { cursor: pointer; padding: .55em 0; font-variant-numeric: tabular-nums; }
.bytes { display: grid; grid-template-columns: repeat(auto-fill, minmax(31ch, 1fr)); gap: 0 1.5ch; max-height: 16em; overflow: auto;
  padding: .8em; border-radius: 8px; background: var(--soft); font: .82em/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  white-space: pre; }
.bytes span { color: var(--muted); user-select: none; }
.windows { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26em), 1fr)); gap: 1em 2em; padding: .8em 0; }
.scroll { max-height: 22em; overflow: auto; }
table { width: 100%; border-collapse: collapse; font-size: .9em; }
th, td { text-align: start; padding: .25em .8em .25em 0; border-bottom: 1px solid var(--line); }
th, .number { overflow-wrap: normal; }
.number { text-align: end; font-variant-numeric: tabular-nums; }
`;

let sheet: CSSStyleSheet | null = null;

export function sentStyle(): CSSStyleSheet {
  if (sheet === null) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(CSS);
  }
  return sheet;
}
