/**
 * `npm start`: installs and builds what is missing, then serves demo, dashboard and API in one process.
 *
 * Not here: the work (scripts/run/start.mjs), which is loaded only when this Node can read it.
 */
import './require-node.mjs';

import('./run/start.mjs');
