/**
 * Writes the Grafana dashboards of integrations/grafana/dashboards.ts as JSON.
 *
 *   node scripts/grafana.mjs
 */
import { writeFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const root = new URL('..', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));

const build = await rolldown({ input: path('integrations/grafana/dashboards.ts'), platform: 'node' });
await build.write({ file: path('.build/dashboards.mjs'), format: 'esm' });
await build.close();
const { DASHBOARDS } = await import(pathToFileURL(path('.build/dashboards.mjs')).href);
for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
  writeFileSync(path(`integrations/grafana/${name}`), `${JSON.stringify(dashboard, null, 2)}\n`);
}
