/**
 * Dims: which lengths a tensor may have along its axes.
 *
 * Invariants
 *  - A declared number is that length; a name is any length, and two axes of one name need not be alike.
 *  - The axis called "batch" has one item at the least. How many there may be is a matter of memory; so many are counted (BATCH_AXIS_COUNT_MAX).
 */

/** As the only declared axis: any number of axes, of any lengths, where a model's file does not say how many there are. */
export const ANY_AXES = '...';

type DeclaredDims = readonly (number | string)[];

export function hasAnyAxes(declared: DeclaredDims): boolean {
  return declared.length === 1 && declared[0] === ANY_AXES;
}

/** Whether they are lengths, in an array of any kind. @param dims Of a caller, who may be anybody. */
export function areDims(dims: readonly number[]): boolean {
  return dims?.every?.((length) => Number.isInteger(length) && length >= 0) === true;
}

/** @param dims Of a caller, who may be anybody. */
export function areDimsAllowed(declared: DeclaredDims, dims: readonly number[]): boolean {
  if (!areDims(dims)) return false;
  if (hasAnyAxes(declared)) return true;
  return (
    dims.length === declared.length &&
    declared.every((axis, index) => {
      const length = dims[index] as number;
      if (typeof axis === 'number') return length === axis;
      return axis !== 'batch' || length >= 1;
    })
  );
}
