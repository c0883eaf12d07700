/**
 * Seeded leaks: our own sources, each with one way to let something out that must stay, and the check that must see it.
 *
 * `hunt`: a planted secret is found, or something lies or goes where nothing of ours may (test/harness/canary-hunt.ts).
 * `inputs`, `moments`: what leaves differs for two inputs of the same cells, or for two moments of the same hour (egress.ts).
 * `page counts`: the same for inputs, through the real worker in Chromium.
 */
import type { HuntPart } from '../harness/canary-hunt.ts';
import type { Edit } from './library.ts';

export type Check = 'hunt' | 'inputs' | 'moments' | 'page counts';

export interface Leak {
  /** What leaks, and to where. */
  readonly name: string;
  readonly edits: readonly Edit[];
  readonly check: Check;
  /** Of the hunt: the planted secret that must be found; null where a place or a line is the evidence. */
  readonly secret: string | null;
  /** Of the hunt, beside good runs. */
  readonly parts: readonly HuntPart[];
  /** Seeded in every `npm test`, the others in `npm run prove canary-mutants`. */
  readonly isDaily: boolean;
}

type Options = Partial<Pick<Leak, 'parts' | 'isDaily'>>;

function hunted(name: string, secret: string | null, edit: Edit, { parts = [], isDaily = false }: Options = {}): Leak {
  return { name, check: 'hunt', edits: [edit], secret, parts, isDaily };
}

function compared(name: string, check: Exclude<Check, 'hunt'>, edits: readonly Edit[], { isDaily = false }: Options = {}): Leak {
  return { name, check, edits, secret: null, parts: [], isDaily };
}

const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace });
const DAILY = { isDaily: true };
const WRONG_RUNS: Options = { parts: ['wrong runs'] };
const LOADS: Options = { parts: ['loads'] };

const PLATFORM = 'sdk/platform.ts';
const requests: readonly Leak[] = [
  hunted('cookies with the report', 'cookie', edit(PLATFORM, "credentials: 'omit',", "credentials: 'include',"), DAILY),
  hunted(
    'the page address as the report’s referrer',
    'url-query',
    edit(PLATFORM, "referrerPolicy: 'no-referrer',", "referrerPolicy: 'unsafe-url',"),
  ),
  hunted(
    'the page title in the report’s address',
    'title',
    edit(PLATFORM, 'await fetch(url, {', "await fetch(url + '?page=' + encodeURIComponent(document.title), {"),
  ),
  hunted(
    'the page fragment in a header of the report',
    'url-fragment',
    edit(
      PLATFORM,
      "redirect: 'error',",
      "redirect: 'error', headers: { 'Content-Type': 'text/plain; page=' + location.hash.slice(1, 60) },",
    ),
  ),
  hunted(
    'the page query behind the report’s last byte',
    'url-query',
    edit(
      PLATFORM,
      'keepalive: true,',
      'keepalive: true, ...{ body: new Uint8Array([...body, ...new TextEncoder().encode(btoa(location.search))]) },',
    ),
    DAILY,
  ),
  hunted(
    'cookies in a beacon after the report',
    'cookie',
    edit(PLATFORM, 'await response.arrayBuffer();', "await response.arrayBuffer(); navigator.sendBeacon(url, '');"),
  ),
  hunted(
    'the page title as the window’s id',
    'title',
    edit(
      PLATFORM,
      'crypto.getRandomValues(new Uint8Array(count))',
      'Uint8Array.from({ length: count }, (_, at) => document.title.charCodeAt(at))',
    ),
  ),
  hunted(
    'the page title in the address of the model',
    'title',
    edit(
      'sdk/client.ts',
      'new URL(source, document.baseURI).href }',
      "new URL(source, document.baseURI).href + '&page=' + escape(document.title) }",
    ),
  ),
  hunted(
    'the page query in the address of the worker',
    'url-query',
    edit('sdk/worker-host.ts', 'this.worker = spawn(url);', 'this.worker = spawn(url + location.search);'),
  ),
  hunted(
    'cookies with the download of a model',
    'cookie',
    edit('worker/download.ts', 'cache: request.httpCache, signal', "cache: request.httpCache, credentials: 'include', signal"),
  ),
  hunted(
    'the manifest’s signature in the address of its model',
    'signed-manifest',
    edit('worker/model-source.ts', 'new URL(variant.file, opened.url);', 'new URL(variant.file + new URL(opened.url).search, opened.url);'),
  ),
  hunted(
    'the input, gzipped, in a request to the page’s own origin',
    'input',
    edit(
      'worker/inference-worker.ts',
      'const outputs = await model.session.run(request.feeds);',
      `const [feed] = Object.values(request.feeds);
       const packed = new Blob([feed.data]).stream().pipeThrough(new CompressionStream('gzip'));
       await fetch(self.location.origin + '/pages/none', { method: 'POST', credentials: 'omit', body: await new Response(packed).arrayBuffer() });
       const outputs = await model.session.run(request.feeds);`,
    ),
    DAILY,
  ),
];

const storage: readonly Leak[] = [
  hunted(
    'the page address in Web Storage',
    'url-query',
    edit(PLATFORM, 'now: () => Date.now(),', "now: () => { localStorage.setItem('insitu-seen', location.href); return Date.now(); },"),
  ),
  hunted(
    'anything at all in Web Storage',
    null,
    edit(PLATFORM, 'now: () => Date.now(),', "now: () => { sessionStorage.setItem('insitu-seen', '1'); return Date.now(); },"),
  ),
  hunted(
    'the page query in the key of an outbox record',
    'url-query',
    edit('sdk/open-window.ts', 'return `$', 'return location.search + `$'),
  ),
  hunted(
    'the page fragment in the name of the outbox database',
    'url-fragment',
    edit('sdk/outbox-db.ts', "const NAME = 'insitu-telemetry';", "const NAME = 'insitu-telemetry' + location.hash;"),
  ),
  hunted(
    'the input in IndexedDB',
    'input',
    edit(
      'worker/inference-worker.ts',
      'const startMs = performance.now();',
      `const startMs = performance.now();
       const opening = indexedDB.open('insitu-models-recent', 1);
       opening.onupgradeneeded = () => opening.result.createObjectStore('feeds').put(structuredClone(request.feeds), 1);
       opening.onsuccess = () => opening.result.close();`,
    ),
    DAILY,
  ),
  hunted(
    'the input in the Cache',
    'input',
    edit(
      'sdk/run-channel.ts',
      'const id = this.nextId++;',
      `const id = this.nextId++;
       const kept = Object.values(order.ready.feeds).map(({ data }) => new Response(data.slice()))[0];
       void caches.open('insitu').then((cache) => cache.put('/feeds/' + id, kept));`,
    ),
  ),
  hunted(
    'the signature in the key of a stored model',
    'signed-manifest',
    edit('worker/model-store.ts', 'return origin + pathname;', 'return url;'),
  ),
  hunted(
    'the signature in the name of a plain model',
    'signed-model',
    edit('worker/model-source.ts', 'urlOrName.split(/[?#]/, 1)[0]?.split', 'urlOrName.split'),
    LOADS,
  ),
];

const TENSOR = 'sdk/tensor.ts';
const words: readonly Leak[] = [
  hunted(
    'the caller’s own name of an input in an error',
    'input-name',
    edit(TENSOR, "'input-unknown', { expected }", "'input-unknown', { expected: [...expected, unknown] }"),
    { ...WRONG_RUNS, ...DAILY },
  ),
  hunted(
    'data that stand where dims belong in an error',
    'refused input',
    edit(TENSOR, 'actual: presentableDims(dims)', 'actual: Array.from(dims)'),
    WRONG_RUNS,
  ),
  hunted(
    'the first element in an error',
    'refused input',
    edit(TENSOR, "'tensor-data-mismatch', { input: input.name,", "'tensor-data-mismatch', { input: input.name + ' of ' + tensor.data[0],"),
    WRONG_RUNS,
  ),
  hunted('a text element in an error', 'tensor-text', edit(TENSOR, '{typeof data.find(', '{data.find('), WRONG_RUNS),
  hunted(
    'a text that stands where a type belongs in an error',
    'tensor-text',
    edit(TENSOR, 'knownType(tensor.type);', 'tensor.type;'),
    WRONG_RUNS,
  ),
  hunted(
    'the input on the page’s console',
    'input',
    edit(TENSOR, 'return { feeds, buffers:', 'console.debug(feeds); return { feeds, buffers:'),
  ),
  hunted(
    'the input on the worker’s console',
    'input',
    edit(
      'worker/inference-worker.ts',
      'const startMs = performance.now();',
      'const startMs = performance.now(); console.log(request.feeds);',
    ),
  ),
  hunted(
    'the top label on the console',
    null,
    edit(
      'sdk/model.ts',
      'this.segments.set(result, segment);',
      'this.segments.set(result, segment); console.info(this.manifest.outputs[0].labels?.[outputs.scores.data.indexOf(Math.max(...outputs.scores.data))]);',
    ),
  ),
  hunted(
    'a person’s correction on the console',
    'feedback-label',
    edit('sdk/model.ts', 'checkFeedback(loaded.manifest, feedback);', 'console.debug(feedback); checkFeedback(loaded.manifest, feedback);'),
  ),
  hunted(
    'the page address in every error',
    'url-fragment',
    edit(
      'protocol/errors.ts',
      'super(MESSAGES[code](details), options);',
      "super(MESSAGES[code](details) + ' On ' + globalThis.location?.href, options);",
    ),
    { ...WRONG_RUNS, ...DAILY },
  ),
  hunted(
    'the referrer in what the logger is told',
    'referrer',
    edit(
      'sdk/client.ts',
      "this.logger('error', error.code, error.message);",
      "this.logger('error', error.code, error.message + document.referrer);",
    ),
    LOADS,
  ),
  hunted(
    'the signature in an error of a download',
    'signed-missing',
    edit('worker/download.ts', 'return origin + pathname;', 'return url;'),
    LOADS,
  ),
  hunted(
    'the signature in an error about a file',
    'signed-pointer',
    edit('worker/loader.ts', 'printable(source.url), () =>', 'source.url, () =>'),
    LOADS,
  ),
  hunted(
    'the name of a person’s file in an error',
    'image-file-name',
    edit('worker/loader.ts', 'this.plainOrigin(job, DROPPED,', 'this.plainOrigin(job, source.name,'),
    { ...LOADS, ...DAILY },
  ),
  hunted(
    'the head of a person’s file in an error',
    'broken-file-name',
    edit(
      'worker/loader.ts',
      "throw new SdkError('model-not-onnx', { url: origin.url, reason });",
      "throw new SdkError('model-not-onnx', { url: origin.url, reason: new TextDecoder('latin1').decode(file.bytes) });",
    ),
    LOADS,
  ),
  hunted(
    'the signature in why a variant was chosen',
    'signed-manifest',
    edit('worker/load-job.ts', 'verdict, reason });', 'verdict, reason: reason + JSON.stringify(this.request.source) });'),
  ),
  hunted(
    'an input of a failed run in its error',
    'index',
    edit(
      'worker/inference-worker.ts',
      'answer = { id: request.id, ok: false, error: toWire(error) };',
      "answer = { id: request.id, ok: false, error: { code: 'run-failed', details: { reason: Object.values(request.feeds).map(({ data }) => data.join()).join() } } };",
    ),
    LOADS,
  ),
  hunted(
    'the numbers in the runtime’s text in an error',
    'index',
    edit('worker/session.ts', "firstLine(error).replace(NUMBER, '#')", 'String(error).slice(-160)'),
    LOADS,
  ),
  hunted('the runtime’s own lines on the console', 'index', edit('worker/session.ts', 'logSeverityLevel: 4', 'logSeverityLevel: 2'), LOADS),
];

const counts: readonly Leak[] = [
  compared(
    'the first pixel instead of the brightness',
    'inputs',
    [edit('counts/image-kernel.ts', 'const brightness = lumaSum / pixelCount;', 'const brightness = firstValue * scale;')],
    DAILY,
  ),
  compared('the last pixel in the contrast', 'inputs', [
    edit('counts/image-kernel.ts', 'contrast: Math.sqrt(', 'contrast: (values[offset + 63] as number) * scale + 0 * Math.sqrt('),
  ]),
  compared(
    'low digits of a score in the margin',
    'inputs',
    [edit('counts/scores-kernel.ts', 'margin: count > 1 ? top - second : top', 'margin: (top * 1e4) % 1')],
    DAILY,
  ),
  compared('low digits of the first value in a count', 'inputs', [
    edit(
      'counts/numeric-kernel.ts',
      'let restCount = values.length;',
      'tally.bump(offset, 1 + Math.trunc((values[0] as number) * 1e5) % 89); let restCount = values.length;',
    ),
  ]),
  compared('the position of the largest value in a cell', 'inputs', [
    edit(
      'counts/numeric-kernel.ts',
      'let restCount = values.length;',
      'tally.bump(offset + values.indexOf(Math.max(...values))); let restCount = values.length;',
    ),
  ]),
  compared('finer cells than the plan says', 'inputs', [
    edit('counts/log-linear.ts', 'if (index < 0) return -1;', 'if (index < 0 || (value * 1e3) % 2 < 1) return -1;'),
  ]),
  compared(
    'a hash of the input in a cell',
    'inputs',
    [
      edit(
        'counts/run-counter.ts',
        'return tally.take();',
        `for (const { data } of Object.values(feeds)) {
         let hash = 7;
         for (const value of data as Float32Array) hash = (hash * 31 + Math.trunc(value * 1e6)) % 1_000_003;
         tally.bump(hash % plan.cellCount);
       }
       return tally.take();`,
      ),
    ],
    DAILY,
  ),
  compared('the order of the values in a count', 'inputs', [
    edit('counts/tally.ts', 'this.touched.subarray(0, this.touchedCount).sort()', 'this.touched.subarray(0, this.touchedCount)'),
    edit(
      'counts/tally.ts',
      '= this.counts[cell] as number;\n      this.counts[cell] = 0;',
      '= (this.counts[cell] as number) + (index === 20 ? 1 : 0); this.counts[cell] = 0;',
    ),
  ]),
  compared(
    'the time of a window in its id',
    'moments',
    [
      edit(
        'sdk/open-window.ts',
        'toHex(platform.random(16))',
        "toHex(platform.random(10)) + this.openedAtMs.toString(16).padStart(12, '0')",
      ),
    ],
    DAILY,
  ),
  compared('the minute instead of the hour', 'moments', [
    edit('sdk/open-window.ts', 'const hour = Math.floor(this.openedAtMs / HOUR_MS);', 'const hour = Math.floor(this.openedAtMs / 60_000);'),
  ]),
  compared(
    'an element of the input in a count, in the worker',
    'page counts',
    [
      edit(
        'worker/inference-worker.ts',
        'return model.counter(feeds, outputs);',
        'const cells = model.counter(feeds, outputs); cells[1] = 1 + (Math.trunc((Object.values(feeds)[0]?.data[12] as number) * 1e6) % 97); return cells;',
      ),
    ],
    DAILY,
  ),
  compared('an element of the output in a cell, in the page', 'page counts', [
    edit(
      'sdk/model.ts',
      'return { result, cells, segment };',
      'cells[cells.length - 2] += Math.trunc((Object.values(outputs)[0].data[9] as number) * 1e9) % 3; return { result, cells, segment };',
    ),
  ]),
];

export const LEAKS: readonly Leak[] = [...requests, ...storage, ...words, ...counts];
