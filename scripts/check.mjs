/**
 * `npm run check`: format, lint, types, unit tests and tidy; for every commit.
 *
 * Not here: the work (scripts/run/check.mjs), which is loaded only when this Node can read it.
 */
import './require-node.mjs';

import('./run/check.mjs');
