/**
 * `npm run check`: format, lint, types, and the unit tests that a change touches; for every commit.
 *
 * Not here: the work (scripts/run/check.mjs), which is loaded only when this Node can read it.
 */
import './require-node.mjs';

import('./run/check.mjs');
