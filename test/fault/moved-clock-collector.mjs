/**
 * The built collector under a clock that goes faster, for tests that cannot wait for minutes. Its one argument is JSON: options of
 * `startCollector`, and `originMs`, from which on each second is `secondsPerSecond`.
 */
import { startCollector } from '../../dist/node/collector.js';

const { originMs, secondsPerSecond, ...options } = JSON.parse(process.argv[2]);
const now = () => originMs + (Date.now() - originMs) * secondsPerSecond;
const collector = await startCollector({ ...options, now, log: (sentence) => process.stderr.write(`${sentence}\n`) });
process.stdout.write(`${JSON.stringify({ url: collector.url })}\n`);
