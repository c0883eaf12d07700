/**
 * The dashboard page: what the counts of one model say, beside its baseline, updated as reports are committed.
 *
 * Invariants
 *  - Distances are shown as descriptions. Nothing here decides that something is wrong.
 */
import { byId } from '../../site/element.ts';
import { wireTheme } from '../../site/theme.ts';
import { listen } from './api.ts';
import { redrawAll } from './charts/redraw.ts';
import { Dashboard } from './dashboard.ts';

const dashboard = new Dashboard();

wireTheme(byId('theme'), redrawAll);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawAll);
addEventListener('resize', redrawAll);
dashboard.start();
listen(
  (modelVersion) => dashboard.committed(modelVersion),
  (isUp) => {
    byId('connection').textContent = isUp ? 'Live' : 'No live updates; asking again every few seconds.';
    dashboard.connected(isUp);
  },
);
