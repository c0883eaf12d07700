/**
 * World tilt: what happens to every digit before the model sees it, so that the dashboard has something to find.
 *
 * Invariants
 *  - Values stay whole numbers from 0 to 16: a tilted digit is still a possible input, only not one of the training data.
 *  - Applied to drawings and streamed digits alike, in the order noise, shift, invert, darken.
 */
import { byId } from '../site/element.ts';

const SIDE = 8;
const FULL = 16;

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
    return image.map((_, index) => {
      const row = Math.floor(index / SIDE);
      const column = (index % SIDE) - shift;
      const source = column >= 0 && column < SIDE ? (image[row * SIDE + column] as number) : 0;
      const noisy = source + (Math.random() * 2 - 1) * noise;
      const turned = this.invert.checked ? FULL - noisy : noisy;
      return Math.min(FULL, Math.max(0, Math.round(turned * (1 - dark / 100))));
    });
  }

  private show(changed: () => void): void {
    byId('tilt-dark-value').textContent = `${this.dark.value} %`;
    byId('tilt-noise-value').textContent = `±${this.noise.value}`;
    byId('tilt-shift-value').textContent = `${this.shift.value} px`;
    changed();
  }
}
