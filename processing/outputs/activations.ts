/**
 * Activations: what turns a model's raw numbers into scores.
 *
 * Source: the soft-max is taken relative to the largest value, so that no power overflows.
 */

export function sigmoid(value: number): number {
  return 1 / (1 + Math.exp(-value));
}

/** In place, over `count` values that lie `stride` apart. */
export function softmax(values: Float64Array, start: number, count: number, stride: number): void {
  let largest = -Infinity;
  for (let index = 0; index < count; index++) largest = Math.max(largest, values[start + index * stride] as number);
  let sum = 0;
  for (let index = 0; index < count; index++) {
    const power = Math.exp((values[start + index * stride] as number) - largest);
    values[start + index * stride] = power;
    sum += power;
  }
  for (let index = 0; index < count; index++) values[start + index * stride] = (values[start + index * stride] as number) / sum;
}
