/**
 * Draw pad: pointer strokes on a canvas, and the picture that the model gets of them.
 *
 * Invariants
 *  - Mouse, touch and pen are one: Pointer Events with capture; the canvas does not scroll the page while drawing.
 *  - Strokes are kept as points in canvas pixels; what the model sees is made from them, not from the canvas.
 */

import { byId } from '../site/element.ts';
import type { Point, Stroke } from './digit-canvas.ts';

const SIDE = 8;
const FULL = 16;

export class DrawPad {
  private readonly canvas = byId<HTMLCanvasElement>('pad');
  /** Over the empty pad, and gone with the first stroke. */
  private readonly invite = byId('pad-invite');
  private strokes: Point[][] = [];

  constructor(drawn: (strokes: readonly Stroke[]) => void, cleared: () => void) {
    const { canvas } = this;
    let current: Point[] | null = null;
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.invite.hidden = true;
      current = [this.pointOf(event)];
      this.strokes.push(current);
      this.paint();
    });
    canvas.addEventListener('pointermove', (event) => {
      if (current === null) return;
      current.push(this.pointOf(event));
      this.paint();
    });
    const end = () => {
      if (current === null) return;
      current = null;
      drawn(this.strokes);
    };
    canvas.addEventListener('pointerup', end);
    canvas.addEventListener('pointercancel', end);
    byId('pad-clear').addEventListener('click', () => {
      this.clear();
      this.invite.hidden = false;
      cleared();
    });
    this.paint();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.paint());
  }

  get drawing(): readonly Stroke[] {
    return this.strokes;
  }

  /** Another image than a drawing has been chosen, or none. */
  clear(): void {
    this.strokes = [];
    this.invite.hidden = true;
    this.paint();
  }

  paint(): void {
    const context = this.canvas.getContext('2d') as CanvasRenderingContext2D;
    const { width, height } = this.canvas;
    context.clearRect(0, 0, width, height);
    context.strokeStyle = getComputedStyle(this.canvas).color;
    context.lineWidth = width / 14;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    for (const stroke of this.strokes) {
      context.beginPath();
      for (const [x, y] of stroke) context.lineTo(x, y);
      if (stroke.length === 1) context.lineTo((stroke[0] as Point)[0], (stroke[0] as Point)[1]);
      context.stroke();
    }
  }

  private pointOf(event: PointerEvent): Point {
    const box = this.canvas.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * this.canvas.width, ((event.clientY - box.top) / box.height) * this.canvas.height];
  }
}

/** Paints 8×8 counts, ink dark on light in both themes, as the data set prints them. */
export function paintCounts(canvas: HTMLCanvasElement, counts: Float32Array | null): void {
  const context = canvas.getContext('2d') as CanvasRenderingContext2D;
  const cell = canvas.width / SIDE;
  for (let index = 0; index < SIDE * SIDE; index++) {
    const ink = (counts?.[index] ?? 0) / FULL;
    context.fillStyle = `hsl(220 12% ${Math.round(96 - ink * 82)}%)`;
    context.fillRect((index % SIDE) * cell, Math.floor(index / SIDE) * cell, cell, cell);
  }
}
