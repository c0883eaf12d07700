/**
 * Style of the report: system type, light and dark by the reader's preference, readable on a phone and on paper.
 *
 * Invariants
 *  - Loads nothing: no font, no picture, no import.
 *  - Text has a contrast of 4.5 to 1 at the least, in both schemes; nothing is told by colour alone.
 */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --bg: #f7f7f5; --surface: #fff; --line: #dcdcd6; --text: #1b1c1e; --muted: #5c6067; --accent: #1f5eff; --bad: #b3261e; --bad-soft: #f6dcda; --judged: #d8e3ff; --burn-in: #e6e6e0; }
@media (prefers-color-scheme: dark) {
  :root { --bg: #131416; --surface: #1c1e21; --line: #363a40; --text: #ececea; --muted: #a3a8b0; --accent: #7da2ff; --bad: #ff8a80; --bad-soft: #4a2523; --judged: #26365f; --burn-in: #33363b; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--bg); color: var(--text); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; overflow-wrap: break-word; }
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; display: grid; gap: 2.25rem; grid-template-columns: minmax(0, 1fr); }
h1 { font-size: clamp(1.6rem, 4.5vw, 2.3rem); line-height: 1.15; letter-spacing: -0.02em; margin: 0 0 .5rem; text-wrap: balance; }
h2 { font-size: 1.25rem; line-height: 1.3; margin: 0 0 .35rem; }
h3 { font-size: 1rem; margin: 1.25rem 0 .25rem; }
p { margin: 0 0 .5rem; max-width: 46rem; text-wrap: pretty; }
p.muted, li.muted, figcaption, caption { color: var(--muted); }
dl.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .75rem; margin: 1.25rem 0 0; }
dl.figures div { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; padding: .85rem 1rem; display: flex; flex-direction: column-reverse; justify-content: flex-end; }
dl.figures dt { color: var(--muted); font-size: .875rem; }
dl.figures dd { margin: 0; font-size: 1.6rem; line-height: 1.2; font-variant-numeric: tabular-nums; letter-spacing: -0.01em; }
section > .card, figure { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; padding: .9rem 1rem; margin: .75rem 0 0; overflow-x: auto; }
figcaption { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .85rem; margin-bottom: .35rem; }
svg { display: block; width: 100%; min-width: 42rem; height: auto; font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
.scroll { overflow-x: auto; margin-top: .75rem; border: 1px solid var(--line); border-radius: 12px; background: var(--surface); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .75rem 1rem .25rem; font-size: .9rem; }
th, td { text-align: left; padding: .45rem .8rem; min-width: 5.5rem; border-top: 1px solid var(--line); vertical-align: top; font-weight: 400; }
thead th { color: var(--muted); font-size: .8rem; border-top: 0; }
tbody th { font-weight: 600; }
td:last-child { overflow-wrap: anywhere; }
time { white-space: nowrap; }
small { color: var(--muted); font-size: .8rem; }
.number { text-align: right; min-width: 3rem; }
.scroll + p { margin-top: .6rem; }
ul { margin: .25rem 0 0; padding-left: 1.2rem; max-width: 46rem; }
summary { cursor: pointer; padding: .25rem 0; }
.grid { stroke: var(--line); } .tick { fill: var(--muted); } .band { fill: var(--text); }
.judged { fill: var(--judged); } .burn-in { fill: var(--burn-in); }
.incident { fill: var(--bad); } .number-in-bar { fill: var(--surface); font-weight: 600; } .number-at-bar { fill: var(--text); }
.onset { stroke: var(--bad); stroke-dasharray: 2 3; } .onset-dot { fill: var(--bad); }
.alarm { fill: var(--bad-soft); } .threshold { stroke: var(--bad); stroke-dasharray: 5 4; }
.evidence { fill: none; stroke: var(--accent); stroke-width: 1.75; stroke-linejoin: round; }
footer { color: var(--muted); font-size: .85rem; }
@media print { body { background: #fff; } main { padding: 0; } .scroll, figure { break-inside: avoid; } }
`;
