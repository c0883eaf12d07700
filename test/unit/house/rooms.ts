/**
 * The import law: one table, a row per room. A room is a folder of the product: a stretch of the data's path, or a realm.
 *
 * Why a table: a rule that is spread over lists of files has to be edited in four places at every move, and nobody can read from
 * it which way the arrows point.
 *
 * Invariants
 *  - `imports` names every room that a room may know, itself left out. `protocol` stands for all of protocol/ outside protocol/.
 *  - The table has no circle (rooms.test.ts), so no two rooms can come to need each other.
 *  - Vendors, the network, the clock, IndexedDB and Node are allowed to rooms, not to files.
 *
 * Not here: the checks (rooms.test.ts), the same law for readers (ARCHITECTURE.md; documents.test.ts holds them together).
 */

export interface Room {
  /** Rooms, by folder. A file may be named where only that door is open. */
  readonly imports: readonly string[];
  /** Packages. Whoever replaces one has one room to read. */
  readonly vendors?: readonly string[];
  /** May ask the network: `fetch`, `XMLHttpRequest`, `WebSocket`, `EventSource`. */
  readonly network?: true;
  /** May read the clock: `Date.now`, `performance.now`, `new Date()`. */
  readonly clock?: true;
  /** May open a database of the browser. */
  readonly indexedDB?: true;
  /** May import `node:`. */
  readonly node?: true;
}

export const ROOMS: Readonly<Record<string, Room>> = {
  // What two programs must agree on.
  protocol: { imports: [], clock: true },
  'protocol/tensors': { imports: [] },
  'protocol/report': { imports: ['protocol'] },
  'protocol/manifest': { imports: ['protocol', 'protocol/tensors'], vendors: ['valibot'] },
  'protocol/worker': { imports: ['protocol', 'protocol/manifest', 'protocol/tensors'] },
  'protocol/read': { imports: ['protocol', 'protocol/manifest', 'protocol/report'], vendors: ['valibot'] },

  // Pure: values to cells.
  'counts/layout': { imports: ['protocol'] },
  'counts/tally': { imports: ['protocol', 'counts/layout'] },
  'counts/kinds': { imports: ['protocol', 'counts/layout', 'counts/tally'] },
  'counts/plans': { imports: ['protocol', 'counts/layout', 'counts/kinds'] },
  'counts/run': { imports: ['protocol', 'counts/layout', 'counts/tally', 'counts/kinds'] },
  'counts/noise': { imports: ['protocol', 'counts/layout'] },
  'counts/statistics': { imports: ['protocol'] },
  'counts/votes': { imports: ['protocol', 'counts/layout'] },
  'counts/monitor': { imports: ['protocol', 'counts/statistics', 'counts/votes'] },

  // Pure: a model's file; values before and after a run.
  onnx: { imports: ['protocol'] },
  processing: { imports: ['protocol'] },
  'processing/audio': { imports: ['protocol', 'processing'] },
  'processing/image': { imports: ['protocol', 'processing'] },
  'processing/outputs': { imports: ['protocol', 'processing/image'] },
  'processing/text': { imports: ['processing'] },

  // What dashboard and demo share.
  site: { imports: [], clock: true },

  // The page.
  'sdk/api': { imports: ['protocol'] },
  // Asks for a script of ours once more, behind its failure.
  'sdk/assets': { imports: ['protocol', 'sdk/api'], network: true },
  'sdk/telemetry': { imports: ['protocol', 'counts/layout', 'sdk/api'], network: true, clock: true, indexedDB: true },
  'sdk/workers': { imports: ['protocol', 'sdk/api', 'sdk/assets'], clock: true },
  'sdk/feeds': { imports: ['protocol', 'sdk/api', 'sdk/workers'] },
  'sdk/counting': {
    imports: ['protocol', 'counts/layout', 'counts/plans', 'counts/run', 'counts/noise', 'sdk/api', 'sdk/telemetry'],
    network: true,
  },
  'sdk/delivery': { imports: ['protocol', 'counts/tally', 'counts/plans', 'sdk/api', 'sdk/telemetry'], vendors: ['idb'], indexedDB: true },
  'sdk/local-dp': { imports: ['protocol', 'counts/plans', 'counts/noise', 'sdk/api', 'sdk/telemetry'], indexedDB: true },
  'sdk/model': { imports: ['protocol', 'sdk/api', 'sdk/feeds', 'sdk/telemetry', 'sdk/workers'], clock: true },
  'sdk/service-worker': {
    imports: ['protocol', 'sdk/api', 'sdk/assets', 'sdk/telemetry', 'sdk/delivery'],
    network: true,
  },
  'sdk/sent-element': { imports: ['protocol', 'sdk/api'] },
  sdk: { imports: ['protocol', 'sdk/api', 'sdk/assets', 'sdk/telemetry', 'sdk/workers', 'sdk/model'], clock: true },

  // The inference worker.
  'worker/device': { imports: ['protocol'] },
  'worker/runtime': { imports: ['protocol', 'onnx', 'worker/device'], vendors: ['onnxruntime-web'], network: true },
  'worker/queue': { imports: ['protocol', 'worker/runtime'], clock: true },
  'worker/prepare': {
    imports: ['protocol', 'processing', 'processing/audio', 'processing/image', 'processing/outputs', 'processing/text'],
    vendors: ['@huggingface/tokenizers'],
    clock: true,
  },
  'worker/trust': { imports: ['protocol', 'processing', 'worker/device', 'worker/runtime', 'worker/queue'] },
  'worker/store': { imports: ['protocol'], vendors: ['idb'], clock: true, indexedDB: true },
  'worker/download': { imports: ['protocol', 'onnx', 'worker/store'], network: true, clock: true },
  'worker/source': { imports: ['protocol', 'onnx', 'worker/store', 'worker/download'], clock: true },
  'worker/choice': {
    imports: [
      ...['protocol', 'onnx', 'processing', 'worker/device', 'worker/runtime', 'worker/queue', 'worker/prepare'],
      ...['worker/trust', 'worker/download', 'worker/source'],
    ],
    clock: true,
  },
  'worker/load': {
    imports: [
      ...['protocol', 'onnx', 'counts/layout', 'counts/plans', 'counts/run', 'worker/device', 'worker/runtime', 'worker/queue'],
      ...['worker/prepare', 'worker/trust', 'worker/download', 'worker/source', 'worker/choice'],
    ],
    clock: true,
    network: true,
  },
  'worker/runs': {
    imports: ['protocol', 'counts/run', 'worker/prepare', 'worker/runtime', 'worker/queue', 'worker/trust'],
    clock: true,
  },
  worker: {
    imports: [
      ...['protocol', 'worker/runtime', 'worker/queue', 'worker/trust', 'worker/store', 'worker/source'],
      ...['worker/choice', 'worker/load', 'worker/runs'],
    ],
  },

  // The collector.
  'collector/operator': { imports: ['protocol'], node: true },
  'collector/store': { imports: ['protocol', 'counts/votes', 'collector/operator'], vendors: ['@duckdb/node-api'], node: true },
  'collector/intake': { imports: ['protocol', 'counts/layout', 'counts/noise', 'counts/votes', 'collector/store'], node: true },
  'collector/models': {
    imports: [
      ...['protocol', 'counts/layout', 'counts/plans', 'counts/noise'],
      ...['collector/operator', 'collector/store', 'collector/intake'],
    ],
    clock: true,
    node: true,
  },
  'collector/views': { imports: ['protocol', 'counts/noise', 'collector/store', 'collector/models'], node: true },
  // What other systems read.
  'collector/exports': {
    imports: [
      ...['protocol', 'counts/layout', 'counts/plans'],
      ...['collector/operator', 'collector/store', 'collector/intake', 'collector/models'],
    ],
    vendors: ['@valibot/to-json-schema'],
    network: true,
    node: true,
  },
  // Runs in pages too.
  'collector/client': { imports: ['protocol'], network: true },
  // Pure but for keeping what changes, in the store.
  'collector/incidents': { imports: ['protocol', 'counts/monitor', 'counts/statistics', 'collector/store'], node: true },
  'collector/monitoring': {
    imports: [
      'protocol',
      'counts/monitor',
      'counts/statistics',
      'counts/votes',
      'collector/store',
      'collector/models',
      'collector/incidents',
    ],
    clock: true,
    node: true,
  },
  'collector/notify': { imports: ['protocol', 'collector/store'], vendors: ['nodemailer'], network: true, node: true },
  'collector/http': {
    imports: [
      ...['protocol', 'collector/operator', 'collector/store', 'collector/intake', 'collector/models', 'collector/views'],
      ...['collector/incidents', 'collector/monitoring', 'collector/exports'],
    ],
    vendors: ['hono', '@hono/node-server'],
    node: true,
  },
  collector: {
    imports: [
      ...['protocol', 'counts/votes', 'collector/operator', 'collector/store', 'collector/intake', 'collector/models'],
      ...['collector/views', 'collector/exports', 'collector/incidents', 'collector/monitoring', 'collector/notify', 'collector/http'],
    ],
    clock: true,
    node: true,
  },
  'collector/dashboard/charts': { imports: ['counts/statistics', 'site'], vendors: ['uplot'] },
  'collector/dashboard/view': { imports: ['protocol', 'counts/layout', 'counts/statistics', 'collector/dashboard/charts'] },
  'collector/dashboard/sections': {
    imports: [
      ...['protocol', 'counts/layout', 'counts/plans', 'counts/statistics', 'site'],
      ...['collector/dashboard/charts', 'collector/dashboard/view'],
    ],
  },
  'collector/dashboard/ask': { imports: ['protocol'], network: true },
  'collector/dashboard/parts': {
    imports: ['protocol', 'site', 'collector/dashboard/charts', 'collector/dashboard/view', 'collector/dashboard/ask'],
  },
  'collector/dashboard/pages': {
    imports: [
      ...['protocol', 'site', 'collector/dashboard/charts', 'collector/dashboard/view', 'collector/dashboard/ask'],
      ...['collector/dashboard/parts', 'collector/dashboard/sections'],
    ],
    clock: true,
  },
  'collector/dashboard': {
    imports: [
      ...['site', 'collector/dashboard/charts', 'collector/dashboard/view', 'collector/dashboard/ask', 'collector/dashboard/parts'],
      'collector/dashboard/pages',
    ],
    clock: true,
  },

  // The command line.
  'cli/terminal': { imports: ['protocol'], clock: true, node: true },
  'cli/folder': { imports: ['protocol', 'onnx', 'cli/terminal'], node: true },
  'cli/data': {
    imports: ['protocol', 'counts/kinds', 'processing', 'processing/audio', 'processing/image', 'cli/terminal'],
    vendors: ['@duckdb/node-api', 'sharp'],
    node: true,
  },
  'cli/runtime': { imports: ['protocol', 'onnx', 'cli/data', 'cli/terminal'], vendors: ['onnxruntime-web'], node: true },
  // Examples as a page would count them.
  'cli/count': {
    imports: ['protocol', 'counts/plans', 'counts/run', 'onnx', 'cli/data', 'cli/runtime'],
  },
  'cli/half': { imports: ['protocol', 'onnx', 'cli/runtime'], node: true },
  'cli/pack': { imports: ['protocol', 'onnx', 'processing', 'processing/text', 'cli/half', 'cli/runtime', 'cli/terminal'], node: true },
  'cli/export': {
    imports: ['protocol', 'collector/client', 'cli/terminal'],
    vendors: ['hyparquet-writer'],
    node: true,
  },
  // Histories through the collector's own monitor.
  'cli/backtest': {
    imports: [
      ...['protocol', 'counts/layout', 'counts/votes', 'counts/monitor'],
      ...['collector/client', 'collector/store', 'collector/incidents', 'collector/monitoring'],
      ...['cli/count', 'cli/data', 'cli/export', 'cli/folder', 'cli/terminal'],
    ],
    node: true,
  },
  'cli/backtest/html': { imports: ['protocol', 'cli/backtest'] },
  'cli/commands': {
    imports: [
      ...['protocol', 'counts/layout', 'counts/kinds', 'counts/plans', 'counts/noise', 'counts/statistics', 'counts/monitor'],
      ...['onnx', 'processing'],
      ...[
        'collector',
        'collector/client',
        'collector/operator',
        'cli/backtest',
        'cli/backtest/html',
        'cli/count',
        'cli/data',
        'cli/export',
        'cli/folder',
        'cli/pack',
        'cli/runtime',
        'cli/terminal',
      ],
    ],
    vendors: ['@valibot/to-json-schema'],
    network: true,
    clock: true,
    node: true,
  },
  cli: { imports: ['protocol', 'cli/commands', 'cli/terminal'], node: true },

  // The demo: an application like any other.
  'demo/words': { imports: ['sdk/index.ts', 'site'] },
  'demo/own-model': { imports: ['sdk/index.ts', 'site', 'demo/words'] },
  demo: {
    imports: ['sdk/index.ts', 'sdk/sent-element/sent-element.ts', 'site', 'demo/words', 'demo/own-model'],
    vendors: ['workbox-window'],
    clock: true,
    network: true,
  },
  'demo/service-worker': {
    imports: [],
    vendors: ['workbox-precaching', 'workbox-routing', 'workbox-strategies'],
  },
};
