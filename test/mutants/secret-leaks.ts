/**
 * Leaks of secrets: what a page, a person or an input holds, in requests, in storage and in words. The hunt must find them.
 */
import { DAILY, edit, hunted, type Leak, LOADS, WRONG_RUNS } from './leak.ts';

const PLATFORM = 'sdk/telemetry/platform.ts';
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
    edit(PLATFORM, '    const { status, headers } = response;', "    const { status, headers } = response; navigator.sendBeacon(url, '');"),
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
    edit('sdk/client.ts', '{ url: resolved(source).href }', "{ url: resolved(source).href + '&page=' + escape(document.title) }"),
  ),
  hunted(
    'the page query in the address of the worker',
    'url-query',
    edit('sdk/workers/worker-host.ts', 'this.worker = spawn(url, ', 'this.worker = spawn(url + location.search, '),
  ),
  hunted(
    'cookies with the download of a model',
    'cookie',
    edit('worker/download/download.ts', 'credentials: address.credentials,', "credentials: 'include',"),
  ),
  hunted(
    'the manifest’s signature in the address of its model',
    'signed-manifest',
    edit(
      'worker/download/fetch-files.ts',
      'new URL(assembly.published.file, baseUrl);',
      'new URL(assembly.published.file + new URL(baseUrl).search, baseUrl);',
    ),
  ),
  hunted(
    'the input, gzipped, in a request to the page’s own origin',
    'input',
    edit(
      'worker/runs/port-run.ts',
      'outputs = await this.model.guard.runKeeping(feeds);',
      `const [feed] = Object.values(this.request.feeds);
       const packed = new Blob([feed.data]).stream().pipeThrough(new CompressionStream('gzip'));
       await fetch(self.location.origin + '/pages/none', { method: 'POST', credentials: 'omit', body: await new Response(packed).arrayBuffer() });
       outputs = await this.model.guard.runKeeping(feeds);`,
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
    edit('sdk/delivery/open-window.ts', 'return `$', 'return location.search + `$'),
  ),
  hunted(
    'the page fragment in the name of the outbox database',
    'url-fragment',
    edit('sdk/telemetry/stored-data.ts', "OUTBOX_NAME = 'insitu-telemetry';", "OUTBOX_NAME = 'insitu-telemetry' + location.hash;"),
  ),
  hunted(
    'the input in IndexedDB',
    'input',
    edit(
      'worker/runs/port-run.ts',
      'const feeds = this.held(this.prepared.feeds);',
      `const feeds = this.held(this.prepared.feeds);
       const opening = indexedDB.open('insitu-models-recent', 1);
       opening.onupgradeneeded = () => opening.result.createObjectStore('feeds').put(structuredClone(this.request.feeds), 1);
       opening.onsuccess = () => opening.result.close();`,
    ),
    DAILY,
  ),
  hunted(
    'the input in the Cache',
    'input',
    edit(
      'sdk/workers/run-channel.ts',
      'const { loadId, ready, isCounted } = order;',
      `const { loadId, ready, isCounted } = order;
       const kept = Object.values(ready.feeds).map(({ data }) => new Response(data.slice()))[0];
       const number = this.nextId;
       void caches.open('insitu').then((cache) => cache.put('/feeds/' + number, kept));`,
    ),
  ),
  hunted(
    'the signature in the key of a stored model',
    'signed-manifest',
    edit('worker/source/model-address.ts', 'key: await modelKey(new URL(url), ignoreQuery) }', 'key: url }'),
  ),
  hunted(
    'the signature in the name of a plain model',
    'signed-model',
    edit('worker/source/file-facts.ts', 'urlOrName.split(/[?#]/, 1)[0]?.split', 'urlOrName.split'),
    LOADS,
  ),
];

const TENSOR = 'sdk/feeds/feeds.ts';
const words: readonly Leak[] = [
  hunted(
    'the caller’s own name of an input in an error',
    'input-name',
    edit(TENSOR, "'input-unknown', { expected: namesOf(inputs) }", "'input-unknown', { expected: [...namesOf(inputs), name] }"),
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
  hunted('a text that stands where a type belongs in an error', 'tensor-text', edit(TENSOR, 'knownType(type);', 'type;'), WRONG_RUNS),
  hunted(
    'the input on the page’s console',
    'input',
    edit(TENSOR, 'return { feeds, buffers };', 'console.debug(feeds); return { feeds, buffers };'),
  ),
  hunted(
    'the input on the worker’s console',
    'input',
    edit(
      'worker/runs/port-run.ts',
      'const feeds = this.held(this.prepared.feeds);',
      'const feeds = this.held(this.prepared.feeds); console.log(this.request.feeds);',
    ),
  ),
  hunted(
    'the top label on the console',
    null,
    edit(
      'sdk/model/model.ts',
      'this.runs.set(result, { segment, told });',
      'this.runs.set(result, { segment, told }); console.info(this.manifest.outputs[0].labels?.[outputs.scores.data.indexOf(Math.max(...outputs.scores.data))]);',
    ),
  ),
  hunted(
    'a person’s correction on the console',
    'feedback-label',
    edit(
      'sdk/model/model.ts',
      'checkFeedback(loaded.manifest, feedback);',
      'console.debug(feedback); checkFeedback(loaded.manifest, feedback);',
    ),
  ),
  hunted(
    'the page address in every error',
    'url-fragment',
    edit(
      'protocol/errors.ts',
      'super(options?.message ?? sentenceOf(code, details), options);',
      "super((options?.message ?? sentenceOf(code, details)) + ' On ' + globalThis.location?.href, options);",
    ),
    { ...WRONG_RUNS, ...DAILY },
  ),
  hunted(
    'the referrer in what the logger is told',
    'referrer',
    edit(
      'sdk/client.ts',
      "this.logger(isOwn ? 'debug' : 'error', error.code, error.message);",
      "this.logger(isOwn ? 'debug' : 'error', error.code, error.message + document.referrer);",
    ),
    LOADS,
  ),
  hunted(
    'the signature in an error of a download',
    'signed-missing',
    edit('worker/download/download.ts', 'return printableAddress(new URL(url));', 'return url;'),
    LOADS,
  ),
  hunted(
    'the signature in an error about a file',
    'signed-pointer',
    edit('worker/load/loader.ts', 'this.plainTrialSource(job, printable(url), open)', 'this.plainTrialSource(job, url, open)'),
    LOADS,
  ),
  hunted(
    'the name of a person’s file in an error',
    'image-file-name',
    edit('worker/load/loader.ts', 'this.plainTrialSource(job, DROPPED,', 'this.plainTrialSource(job, source.name,'),
    { ...LOADS, ...DAILY },
  ),
  hunted(
    'the head of a person’s file in an error',
    'broken-file-name',
    edit(
      'worker/choice/trial.ts',
      "throw new SdkError('model-not-onnx', { url: source.url, reason });",
      "throw new SdkError('model-not-onnx', { url: source.url, reason: new TextDecoder('latin1').decode(file.files.graph) });",
    ),
    LOADS,
  ),
  hunted(
    'the signature in why a variant was chosen',
    'signed-manifest',
    edit(
      'worker/choice/load-job.ts',
      'outcome, reason, ...more });',
      'outcome, reason: reason + JSON.stringify(this.request.source), ...more });',
    ),
  ),
  hunted(
    'an input of a failed run in its error',
    'index',
    edit(
      'worker/runs/port-run.ts',
      'this.refuse(error);\n      return;',
      "this.port.tell({ id: this.id, ok: false, error: { code: 'run-failed', details: { reason: Object.values(this.request.feeds).map(({ data }) => data.join()).join() } } });\n      return;",
    ),
    LOADS,
  ),
  hunted(
    'the numbers in the runtime’s text in an error',
    'index',
    edit('worker/runtime/runtime-fault.ts', "firstLine(error).replace(NUMBER, '#')", 'String(error).slice(-160)'),
    LOADS,
  ),
  hunted(
    'the runtime’s own lines on the console',
    'index',
    edit('worker/runtime/session.ts', 'logSeverityLevel: 4', 'logSeverityLevel: 2'),
    LOADS,
  ),
];

export const SECRET_LEAKS: readonly Leak[] = [...requests, ...storage, ...words];
