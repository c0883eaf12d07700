/**
 * `npm test`: installs what is missing, browsers included, and runs everything.
 *
 * Not here: the work (scripts/run/test.mjs), which is loaded only when this Node can read it.
 */
import './require-node.mjs';

import('./run/test.mjs');
