/**
 * One visit, as the README tells a page to make it: load the digits, agree, ask of ten drawings, send what was counted.
 *
 * Why one file for all: it is copied into each application, so that what differs between them is the bundler alone.
 */
import { createClient } from 'insitu';

/** Leaves on `window.visited` what came of it. Where the collector listens, and its key, stand in the page's address. */
export async function visit() {
  try {
    window.visited = await outcome(Object.fromEntries(new URLSearchParams(location.search)));
  } catch (error) {
    window.visited = { error: String(error) };
  }
}

async function outcome({ url, key }) {
  const logged = [];
  const logger = (level, code, message) => logged.push(`${level} ${code}: ${message}`);
  const client = createClient({ collector: { url, key }, logger });
  const model = await client.load('/models/digits/model.json');
  await client.telemetry.grant();
  const drawings = await (await fetch('/models/drawings.json')).json();
  const digits = [];
  for (const pixels of drawings) {
    const { outputs } = await model.run({ image: { data: Float32Array.from(pixels), dims: [1, 1, 8, 8] } });
    const scores = Array.from(outputs.scores.data);
    digits.push(scores.indexOf(Math.max(...scores)));
  }
  await client.telemetry.flush();
  return { digits, logged, isIsolated: crossOriginIsolated };
}
