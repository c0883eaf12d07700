/**
 * World tilt: what happens to every digit before the model sees it, so that the dashboard has something to find.
 *
 * Invariants
 *  - Applied to drawings and streamed digits alike.
 *
 * Not here: what becomes of a digit (tilted-digit.ts).
 */
import { byId } from '../site/element.ts';
import { tiltedDigit } from './tilted-digit.ts';

export class WorldTilt {
  private readonly dark = byId<HTMLInputElement>('tilt-dark');
  private readonly noise = byId<HTMLInputElement>('tilt-noise');
  private readonly shift = byId<HTMLInputElement>('tilt-shift');
  private readonly invert = byId<HTMLInputElement>('tilt-invert');

  constructor(changed: () => void) {
    for (const input of [this.dark, this.noise, this.shift, this.invert]) input.addEventListener('input', () => this.show(changed));
    byId('tilt-reset').addEventListener('click', () => {
      for (const input of [this.dark, this.noise, this.shift]) input.value = '0';
      this.invert.checked = false;
      this.show(changed);
    });
  }

  /** A tilted copy of 8×8 counts. */
  apply(image: Float32Array): Float32Array {
    const [dark, noise, shift] = [this.dark, this.noise, this.shift].map((input) => Number(input.value)) as [number, number, number];
    return tiltedDigit(image, { dark, noise, shift, isInverted: this.invert.checked }, Math.random);
  }

  private show(changed: () => void): void {
    byId('tilt-dark-value').textContent = `${this.dark.value} %`;
    byId('tilt-noise-value').textContent = `±${this.noise.value}`;
    byId('tilt-shift-value').textContent = `${this.shift.value} px`;
    changed();
  }
}
