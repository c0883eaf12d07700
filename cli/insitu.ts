/**
 * The `insitu` command.
 *
 *     insitu collector [options]          takes reports in and shows them
 *     insitu pack | verify | types        from ONNX files to a folder that a page can load
 *     insitu baseline | calibrate | assets | dictionary | schema
 *
 * Invariants
 *  - What a person can put right costs one sentence and no stack trace. Exit 2: the command line; exit 1: the surroundings.
 *  - SIGINT and SIGTERM commit what was accepted and exit with 0; a second one does not wait.
 *  - Each command is imported when it is asked for, so the oldest Node gets as far as the sentence about its age.
 */
import { parseArgs } from 'node:util';
import { isStartupError, StartupError } from '../collector/operator/startup-error.ts';
import { DUCKDB_PACKAGE, isMissingPackage } from './terminal/optional-package.ts';
import { argumentError, UsageError } from './terminal/usage-error.ts';

declare const __RELEASE__: string;

/** DuckDB's and the web server's floor; package.json's `engines` says the same. */
const NODE_VERSION_MIN: readonly [number, number] = [20, 19];

/** Optional peers in package.json, so that an application's build does not download a database. */
const COLLECTOR_PACKAGES = `hono@4 @hono/node-server@2 ${DUCKDB_PACKAGE}`;

/** One Ctrl+C under npm arrives twice, from the terminal and from npm; what comes later was meant. */
const SAME_SIGNAL_MS = 500;

const USAGE = `insitu ${__RELEASE__}

  insitu collector    takes reports in, sums them, serves dashboard, demo and API
      --port 8788         0 lets the system choose
      --host 127.0.0.1    0.0.0.0 for every network (put TLS in front)
      --data .insitu      database and admin key
      --models DIR        one folder per model: model.json, baseline.json, files
      --site DIR          built demo and dashboard
      --json              one JSON line when ready
      INSITU_WRITE_KEYS   comma-separated keys that pages report with; default: demo
      INSITU_ADMIN_KEY    key for POST /v1/models; default: made once, kept in the data folder
  insitu pack         makes a folder that a page can load out of .onnx files: insitu pack --help
  insitu verify       checks such a folder: hashes, goldens, signature: insitu verify --help
  insitu types        prints TypeScript for a model's inputs and outputs: insitu types --help
  insitu baseline     counts a data set as a page would: insitu baseline --help
  insitu calibrate    cuts cells so that a data set fills them equally: insitu calibrate --help
  insitu assets       copies the browser's files for self-hosting: insitu assets --help
  insitu dictionary   prints what is counted, as Markdown
  insitu schema       prints the JSON Schema of model.json

  --help, --version
`;

async function run(args: readonly string[]): Promise<void> {
  requireNode(process.versions.node);
  const [command, ...rest] = args;
  switch (command) {
    case undefined:
    case '--help':
    case '-h':
    case 'help':
      process.stdout.write(USAGE);
      return;
    case '--version':
    case '-v':
      process.stdout.write(`${__RELEASE__}\n`);
      return;
    case 'collector':
      return runCollector(rest);
    case 'pack': {
      const { runPack } = await import('./commands/pack.ts');
      return runPack(rest);
    }
    case 'verify': {
      const { runVerify } = await import('./commands/verify.ts');
      return runVerify(rest);
    }
    case 'types': {
      const { runTypes } = await import('./commands/model-types.ts');
      return runTypes(rest);
    }
    case 'baseline': {
      const { runBaseline } = await import('./commands/baseline.ts');
      return runBaseline(rest);
    }
    case 'calibrate': {
      const { runCalibrate } = await import('./commands/calibrate.ts');
      return runCalibrate(rest);
    }
    case 'assets': {
      const { runAssets } = await import('./commands/assets.ts');
      return runAssets(rest);
    }
    case 'dictionary': {
      const { runDictionary } = await import('./commands/dictionary.ts');
      return runDictionary(rest);
    }
    case 'schema': {
      const { runSchema } = await import('./commands/schema.ts');
      return runSchema();
    }
    default:
      throw new UsageError(`There is no command "${command}". See insitu --help.`);
  }
}

async function runCollector(args: string[]): Promise<void> {
  const values = parseCollectorArgs(args);
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const { startCollector } = await importCollector();
  const { INSITU_ADMIN_KEY: adminKey, INSITU_WRITE_KEYS: writeKeys } = process.env;
  const collector = await startCollector({
    port: portOf(values.port),
    host: values.host,
    dataFolder: values.data,
    modelsFolder: values.models ?? null,
    ...(values.site === undefined ? {} : { siteFolder: values.site }),
    ...(adminKey ? { adminKey } : {}),
    ...(writeKeys ? { writeKeys: writeKeys.split(',').map((key) => key.trim()) } : {}),
    log: (sentence) => process.stderr.write(`${sentence}\n`),
  });
  const stop = () => {
    const stopMs = performance.now();
    const insist = () => {
      if (performance.now() - stopMs > SAME_SIGNAL_MS) process.exit(1);
    };
    process.on('SIGINT', insist).on('SIGTERM', insist);
    collector.close().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  process.stdout.write(values.json ? `${JSON.stringify({ ready: true, url: collector.url })}\n` : readyText(collector, values.data));
}

async function importCollector(): Promise<typeof import('../collector/index.ts')> {
  try {
    return await import('../collector/index.ts');
  } catch (error) {
    if (!isMissingPackage(error)) throw error;
    throw new StartupError(
      `A collector needs packages that a page does not. Install them beside insitu: npm install ${COLLECTOR_PACKAGES}`,
    );
  }
}

function readyText({ url, modelCount }: { url: string; modelCount: number }, dataFolder: string): string {
  const models = modelCount === 1 ? '1 model is registered' : `${modelCount} models are registered`;
  return `insitu ${__RELEASE__} is ready; ${models}.\n\n  demo       ${url}/\n  dashboard  ${url}/dashboard/\n  API        ${url}/v1/health\n\nData and admin key are kept in ${dataFolder}. Stop with Ctrl+C.\n`;
}

function parseCollectorArgs(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        port: { type: 'string', default: '8788' },
        host: { type: 'string', default: '127.0.0.1' },
        data: { type: 'string', default: '.insitu' },
        models: { type: 'string' },
        site: { type: 'string' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (error) {
    throw argumentError(error, 'See insitu --help.');
  }
}

function portOf(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new UsageError(`--port must be a number from 0 to 65535, not "${text}".`);
  return port;
}

function requireNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [majorMin, minorMin] = NODE_VERSION_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  throw new StartupError(`insitu needs Node ${majorMin}.${minorMin} or newer; this is ${version}. Install a current one from nodejs.org.`);
}

function fail(error: unknown): never {
  const isUsage = error instanceof UsageError;
  const text = isUsage || isStartupError(error) ? error.message : error instanceof Error ? error.stack : String(error);
  process.stderr.write(`${text}\n`);
  process.exit(isUsage ? 2 : 1);
}

run(process.argv.slice(2)).catch(fail);
