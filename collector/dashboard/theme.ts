/**
 * Theme: light or dark by the system's preference, or by choice, for dashboard and demo alike.
 *
 * Invariants
 *  - A choice is remembered in Web Storage (docs/privacy.md lists it) and outranks the preference.
 */
const KEY = 'insitu-theme';

/** @param button Switches between light and dark. @param changed Called after a switch, to redraw what a canvas shows. */
export function wireTheme(button: HTMLElement, changed: () => void): void {
  const root = document.documentElement;
  const remembered = localStorage.getItem(KEY);
  if (remembered === 'light' || remembered === 'dark') root.dataset.theme = remembered;
  button.addEventListener('click', () => {
    const isDark = root.dataset.theme === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : root.dataset.theme === 'dark';
    root.dataset.theme = isDark ? 'light' : 'dark';
    localStorage.setItem(KEY, root.dataset.theme);
    changed();
  });
}
