/**
 * The built collector under a clock that a test moves. Its one argument is JSON: options of `startCollector`, and `aheadMs`, by which its
 * clock is ahead of the system's. A message `{ aheadMs }` moves it, and is answered once it holds.
 */
import { startCollector } from '../../dist/node/collector.js';

const { aheadMs: firstAheadMs, ...options } = JSON.parse(process.argv[2]);
let aheadMs = firstAheadMs;
const now = () => Date.now() + aheadMs;
process.on('message', (message) => {
  aheadMs = message.aheadMs;
  process.send?.({ aheadMs });
});
const collector = await startCollector({ ...options, now, log: (sentence) => process.stderr.write(`${sentence}\n`) });
process.send?.({ url: collector.url });
