/**
 * `insitu collector`: takes reports in and shows them, until it is told to stop.
 *
 * Invariants
 *  - SIGINT and SIGTERM commit what was accepted and exit with 0; a second one does not wait.
 *  - Its packages (database, web server) are imported when it starts, so help needs none of them.
 */
import { type OtlpTarget, otlpTargetOf } from '../../collector/operator/otlp-environment.ts';
import { isStartupError } from '../../collector/operator/startup-error.ts';
import { readOptions } from '../terminal/arguments.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';
import { DUCKDB_PACKAGE, isMissingPackage } from '../terminal/optional-package.ts';
import { closeOnSignal } from '../terminal/signals.ts';

declare const __RELEASE__: string;

export const usage = `insitu collector [options]

Takes reports in, sums them, and serves dashboard, demo and API on one port.

  --port 8788         0 lets the system choose
  --host 127.0.0.1    0.0.0.0 for every network (put TLS in front)
  --data .insitu      database and admin key
  --models DIR        one folder per model: model.json (or observe.json),
                      baseline.json, files
  --site DIR          built demo and dashboard
  --config FILE       JSON with alarm rules, notification targets and the monitor's options
                      (docs/incidents.md)
  --min-reports N     sums of fewer reports are shown to nobody; default: 1 on
                      127.0.0.1, 8 on a network (give 8 behind a proxy)
  --otlp URL          pushes what /metrics tells by OTLP/HTTP; the path
                      /v1/metrics is added
  --json              one JSON line when ready

  INSITU_WRITE_KEYS   comma-separated keys that pages report with; default: demo.
                      key=model+model may report about those models alone
  INSITU_ADMIN_KEY    key of the owner: models, incidents, rules; default: made
                      once, kept in the data folder
  OTEL_EXPORTER_OTLP_HEADERS, _PROTOCOL (http/protobuf, http/json), _COMPRESSION,
  _TIMEOUT, OTEL_METRIC_EXPORT_INTERVAL, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME
                      of --otlp, as OpenTelemetry names them
`;

/** Optional peers in package.json, so that an application's build does not download a database. */
const COLLECTOR_PACKAGES = `hono@4 @hono/node-server@2 ${DUCKDB_PACKAGE}`;

/** Starts it and returns when it is ready; the server keeps the process alive. */
export async function run(args: readonly string[]): Promise<void> {
  const values = readOptions('collector', args, {
    port: { type: 'string', default: '8788' },
    host: { type: 'string', default: '127.0.0.1' },
    data: { type: 'string', default: '.insitu' },
    models: { type: 'string' },
    site: { type: 'string' },
    config: { type: 'string' },
    'min-reports': { type: 'string' },
    otlp: { type: 'string' },
    json: { type: 'boolean', default: false },
  });
  const port = portOf(values.port);
  const shownReportsMin = values['min-reports'] === undefined ? undefined : reportCountOf(values['min-reports']);
  const otlp = values.otlp === undefined ? undefined : otlpOf(values.otlp);
  const { startCollector } = await importCollector();
  const { INSITU_ADMIN_KEY: adminKey, INSITU_WRITE_KEYS: writeKeys } = process.env;
  const collector = await startCollector({
    port,
    host: values.host,
    dataFolder: values.data,
    modelsFolder: values.models ?? null,
    configFile: values.config ?? null,
    ...(values.site === undefined ? {} : { siteFolder: values.site }),
    ...(shownReportsMin === undefined ? {} : { shownReportsMin }),
    ...(otlp === undefined ? {} : { otlp }),
    ...(adminKey ? { adminKey } : {}),
    ...(writeKeys ? { writeKeys: writeKeys.split(',') } : {}),
    log: (sentence) => process.stderr.write(`${sentence}\n`),
  }).catch((error: unknown) => {
    throw isStartupError(error) ? new CommandError(error.message, { cause: error }) : error;
  });
  closeOnSignal(() => collector.close());
  process.stdout.write(values.json ? `${JSON.stringify({ ready: true, url: collector.url })}\n` : readyText(collector, values.data));
}

function otlpOf(address: string): OtlpTarget {
  try {
    return otlpTargetOf(address, process.env);
  } catch (error) {
    throw isStartupError(error) ? new UsageError(error.message) : error;
  }
}

async function importCollector(): Promise<typeof import('../../collector/index.ts')> {
  try {
    return await import('../../collector/index.ts');
  } catch (error) {
    if (!isMissingPackage(error)) throw error;
    throw new CommandError(
      `A collector needs packages that a page does not. Install them beside insitu: npm install ${COLLECTOR_PACKAGES}`,
    );
  }
}

function readyText({ url, modelCount }: { url: string; modelCount: number }, dataFolder: string): string {
  const models = modelCount === 1 ? '1 model is registered' : `${modelCount} models are registered`;
  const advice = modelCount === 0 ? ' Reports about a model wait until it is: --models, or POST /v1/models.' : '';
  return `insitu ${__RELEASE__} is ready; ${models}.${advice}

  demo       ${url}/
  dashboard  ${url}/dashboard/
  API        ${url}/v1/health

Data and admin key are kept in ${dataFolder}. Stop with Ctrl+C.
`;
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new UsageError(`--port must be a number from 0 to 65535, not "${text}".`);
  return port;
}

function reportCountOf(text: string): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new UsageError(`--min-reports must be a whole number from 1, not "${text}".`);
  return count;
}
