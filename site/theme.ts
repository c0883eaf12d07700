/**
 * Theme: light or dark by the system's preference, or by choice, for dashboard and demo alike; and how choices are remembered.
 *
 * Invariants
 *  - A choice is remembered in Web Storage (docs/privacy.md lists it) and outranks the preference.
 *  - Where the browser refuses Web Storage, a choice holds until the page is left.
 */
const KEY = 'insitu-theme';

/** @param button Switches between light and dark. @param changed Called after a switch, to redraw what a canvas shows. */
export function wireTheme(button: HTMLElement, changed: () => void): void {
  const root = document.documentElement;
  const remembered = recall(KEY);
  if (remembered === 'light' || remembered === 'dark') root.dataset.theme = remembered;
  button.addEventListener('click', () => {
    const isDark = root.dataset.theme === undefined ? matchMedia('(prefers-color-scheme: dark)').matches : root.dataset.theme === 'dark';
    root.dataset.theme = isDark ? 'light' : 'dark';
    remember(KEY, root.dataset.theme);
    changed();
  });
}

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** @param value null forgets it. */
export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, value);
  } catch {
    // Refused: the choice holds for this page only.
  }
}
