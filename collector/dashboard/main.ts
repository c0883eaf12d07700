/**
 * The dashboard: whether each model is healthy, what changed and since when, and what was shipped when.
 *
 * Invariants
 *  - Verdicts are the collector's. Distances are shown as descriptions; nothing here decides that something is wrong.
 */
import { byId } from '../../site/element.ts';
import { wireTheme } from '../../site/theme.ts';
import { listen } from './ask/live.ts';
import { redrawAll } from './charts/redraw.ts';
import { AlarmsPage } from './pages/alarms-page.ts';
import { CollectorPage } from './pages/collector-page.ts';
import { IncidentPage } from './pages/incident-page.ts';
import { IncidentsPage } from './pages/incidents-page.ts';
import { ModelPage } from './pages/model-page.ts';
import { OverviewPage } from './pages/overview-page.ts';
import type { Go } from './parts/page.ts';
import { Shell } from './shell.ts';

const go: Go = (address, how) => shell.go(address, how);
const shell: Shell = new Shell({
  overview: new OverviewPage(go),
  model: new ModelPage(go),
  incidents: new IncidentsPage(go),
  incident: new IncidentPage(),
  alarms: new AlarmsPage(),
  collector: new CollectorPage(),
});

wireTheme(byId('theme'), redrawAll);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redrawAll);
shell.start();
listen({
  committed: (modelVersion) => shell.told({ what: 'commit', modelVersion }),
  incidentChanged: () => shell.told({ what: 'incident' }),
  connection: (isUp) => shell.connected(isUp),
});
