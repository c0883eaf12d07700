/**
 * What every bench page needs: its parameters, its feeds, and the way back to the bench.
 */
const query = new URLSearchParams(location.search);
export const parameters = JSON.parse(query.get('parameters'));

/** As bench/models/bench-models.ts fills them for the goldens. */
export function dataOf({ type, dims, fill }) {
  const count = dims.reduce((product, length) => product * length, 1);
  const data = type === 'float32' ? new Float32Array(count) : new BigInt64Array(count);
  for (let at = 0; at < count; at++) {
    const value = fill === 'waves' ? 2 * Math.sin(at) : fill === 'ids' ? (at * 7919) % 30_000 : 1;
    data[at] = type === 'float32' ? value : BigInt(value);
  }
  return data;
}

export const report = (value) => fetch(`/done/${query.get('token')}`, { method: 'POST', body: JSON.stringify(value) });

/** Runs the page's work and reports what it gives, or why it gave nothing. */
export async function visit(work) {
  try {
    await report(await work());
  } catch (error) {
    await report({ error: `${error?.name}: ${error?.message}` });
  }
}
