/**
 * `npm run prove [name]`: the proofs that are too large for `npm test`.
 *
 * Not here: the work (scripts/run/prove.mjs), which is loaded only when this Node can read it.
 */
import './require-node.mjs';

import('./run/prove.mjs');
