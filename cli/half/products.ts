/**
 * Products: matrices multiplied as a GPU does it in half precision: the running sum of each element is rounded after every step.
 *
 * Why it matters: on a CPU such a product is summed in float32 and rounded once. Over a few hundred steps the difference is ten times as
 * large as that of the rounding of results, and a tolerance that knows only the latter refuses GPUs that compute as they should.
 *
 * Invariants
 *  - One multiplication and addition is rounded once (a fused step, as GPUs have it), in the order of the inner axis.
 *  - Where the second matrix is transposed the kernels add up four steps and then add these to the sum; so does `fours`.
 *
 * Source: what the WebGPU kernels of onnxruntime-web 1.30 do: the packed matrix product keeps its sums in the type of its output;
 * T. J. Dekker, "A floating-point technique for extending the available precision" (1971), for the rounding by splitting.
 */
import { HALF_OVERFLOW, rounded, SPLIT } from './half.ts';

/** Row-major. Values are numbers of binary16. */
interface Matrix {
  readonly rowCount: number;
  readonly columnCount: number;
  readonly values: Float32Array;
}

/** Columns that are summed side by side: independent sums keep a CPU busy while each waits for its own last step. */
const PANEL = 4;
/** Steps between two looks for an overflow: a look costs as much as a step. */
const STRETCH = 16;

/** @returns Row-major, `left.rowCount` by `right.columnCount`. */
export function product(left: Matrix, right: Matrix, order: 'sequence' | 'fours'): Float32Array {
  const { rowCount, columnCount: innerCount } = left;
  const { columnCount } = right;
  const result = new Float32Array(rowCount * columnCount);
  const rows = new Float64Array(left.values);
  const panel = new Float64Array(innerCount * PANEL);
  const sums = new Float64Array(PANEL);
  const sumOf = order === 'sequence' ? sumInSequence : sumInFours;
  for (let column = 0; column < columnCount; column += PANEL) {
    const width = Math.min(PANEL, columnCount - column);
    fillPanel(panel, right, column, width);
    for (let row = 0; row < rowCount; row++) {
      sumOf(rows, row * innerCount, panel, innerCount, sums);
      for (let at = 0; at < width; at++) result[row * columnCount + column + at] = rounded(sums[at] as number);
    }
  }
  return result;
}

/** The panel's columns side by side, those beyond the matrix zero. */
function fillPanel(panel: Float64Array, { rowCount, columnCount, values }: Matrix, column: number, width: number): void {
  panel.fill(0);
  for (let row = 0; row < rowCount; row++) {
    for (let at = 0; at < width; at++) panel[row * PANEL + at] = values[row * columnCount + column + at] as number;
  }
}

/** Four sums at once, written out so that they stay in registers. Each is rounded by splitting: the sum of 11 and 22 bits is exact in a double. */
function sumInSequence(rows: Float64Array, start: number, panel: Float64Array, innerCount: number, sums: Float64Array): void {
  let [one, two, three, four] = [0, 0, 0, 0];
  let split = 0;
  // A constant of another module is looked up at each use where modules are not bundled.
  const splitter = SPLIT;
  for (let stretch = 0; stretch < innerCount; stretch += STRETCH) {
    const end = Math.min(stretch + STRETCH, innerCount);
    for (let inner = stretch, at = stretch * PANEL; inner < end; inner++, at += PANEL) {
      const factor = rows[start + inner] as number;
      one += factor * (panel[at] as number);
      split = one * splitter;
      one = split - (split - one);
      two += factor * (panel[at + 1] as number);
      split = two * splitter;
      two = split - (split - two);
      three += factor * (panel[at + 2] as number);
      split = three * splitter;
      three = split - (split - three);
      four += factor * (panel[at + 3] as number);
      split = four * splitter;
      four = split - (split - four);
    }
    one = withOverflow(one);
    two = withOverflow(two);
    three = withOverflow(three);
    four = withOverflow(four);
  }
  sums[0] = one;
  sums[1] = two;
  sums[2] = three;
  sums[3] = four;
}

function sumInFours(rows: Float64Array, start: number, panel: Float64Array, innerCount: number, sums: Float64Array): void {
  for (let at = 0; at < PANEL; at++) {
    let sum = 0;
    for (let inner = 0; inner < innerCount; inner += 4) {
      let part = 0;
      const end = Math.min(inner + 4, innerCount);
      for (let step = inner; step < end; step++)
        part = rounded(part + (rows[start + step] as number) * (panel[step * PANEL + at] as number));
      sum = rounded(sum + part);
    }
    sums[at] = sum;
  }
}

function withOverflow(sum: number): number {
  return Math.abs(sum) < HALF_OVERFLOW ? sum : sum * Number.POSITIVE_INFINITY;
}
