/**
 * Redrawing: what a canvas shows follows its place's width, and the theme.
 *
 * Invariants
 *  - A place that has left the page is forgotten at the next look.
 *  - A place without a width is not drawn; it is when it gets one.
 */

interface Drawn {
  readonly draw: () => void;
  width: number;
}

const places = new Map<HTMLElement, Drawn>();

const observer =
  typeof ResizeObserver === 'undefined'
    ? null
    : new ResizeObserver((entries) => {
        for (const { target } of entries) {
          const drawn = places.get(target as HTMLElement);
          const width = target.clientWidth;
          if (drawn === undefined || width === 0 || drawn.width === width) continue;
          drawn.width = width;
          drawn.draw();
        }
      });

/** Draws now, and again whenever the place's width or the theme has changed. A later call replaces an earlier one. */
export function keepDrawn(place: HTMLElement, draw: () => void): void {
  if (!places.has(place)) observer?.observe(place);
  places.set(place, { draw, width: place.clientWidth });
  if (place.clientWidth > 0) draw();
}

/** After a change of theme. */
export function redrawAll(): void {
  for (const [place, { draw }] of places) {
    if (place.isConnected) {
      if (place.clientWidth > 0) draw();
    } else {
      observer?.unobserve(place);
      places.delete(place);
    }
  }
}
