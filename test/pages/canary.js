/**
 * A page full of secrets that uses every part of the library, well and badly, and writes down all that comes of it.
 * The library, its worker, the models and the collector are on another origin. Driven by test/harness/canary-hunt.ts.
 */
const PLANTED_KEY = 'page-secret';
const captured = [];
const outcomes = {};
const calls = [];
const lines = [];

const textOf = (value) => {
  try {
    return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? String(inner) : inner)) ?? String(value);
  } catch {
    return String(value);
  }
};

/** A copy where there can be one: buffers are handed over and empty a moment later. */
const asItIsNow = (value) => {
  try {
    return structuredClone(value);
  } catch {
    return value;
  }
};

const base64Of = (bytes) => {
  let text = '';
  for (let at = 0; at < bytes.length; at += 32_768) text += String.fromCharCode(...bytes.subarray(at, at + 32_768));
  return btoa(text);
};

/** Notes every string, number and byte of a value, however deep. */
const note = async (where, value, seen = new Set()) => {
  if (value instanceof Blob) return note(where, new Uint8Array(await value.arrayBuffer()), seen);
  if (value instanceof ArrayBuffer) return note(where, new Uint8Array(value), seen);
  if (ArrayBuffer.isView(value)) {
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    if (bytes.length > 0) captured.push({ where, base64: base64Of(bytes) });
    return;
  }
  if (typeof value !== 'object' || value === null) {
    captured.push({ where, text: String(value) });
    return;
  }
  if (seen.has(value)) return;
  seen.add(value);
  if (value instanceof Error) captured.push({ where, text: `${value.name} ${value.message} ${value.code ?? ''} ${textOf(value.details)}` });
  if (value instanceof Map || value instanceof Set) return note(where, [...value], seen);
  for (const key of Object.getOwnPropertyNames(value)) {
    // A stack names the scripts that the page loaded, and is the browser's.
    if (key === 'stack') continue;
    captured.push({ where, text: key });
    await note(where, value[key], seen);
  }
};

for (const level of ['debug', 'log', 'info', 'warn', 'error']) {
  console[level] = (...args) => {
    lines.push(`console.${level} ${args.map(textOf).join(' ')}`);
    void note(`console.${level}`, asItIsNow(args));
  };
}
addEventListener('error', (event) => void note('uncaught', event.error ?? event.message));
addEventListener('unhandledrejection', (event) => void note('unhandled rejection', event.reason));
addEventListener('securitypolicyviolation', (event) => void note('policy violation', event.blockedURI));
const plainFetch = window.fetch.bind(window);
window.fetch = (input, init) => {
  calls.push(input instanceof Request ? input.url : String(input));
  return plainFetch(input, init);
};
for (const [owner, name] of [
  [Navigator.prototype, 'sendBeacon'],
  [XMLHttpRequest.prototype, 'open'],
]) {
  const plain = owner[name];
  owner[name] = function (...args) {
    calls.push(String(name === 'open' ? args[1] : args[0]));
    return plain.apply(this, args);
  };
}
for (const name of ['WebSocket', 'EventSource']) {
  window[name] = new Proxy(window[name], {
    construct: (Plain, args) => {
      calls.push(String(args[0]));
      return Reflect.construct(Plain, args);
    },
  });
}
// What is stored is noted when it is stored: a record that was sent a moment later is gone before anyone can list it.
for (const name of ['put', 'add']) {
  const plain = IDBObjectStore.prototype[name];
  IDBObjectStore.prototype[name] = function (...args) {
    void note(`IndexedDB ${this.transaction.db.name} ${this.name}`, asItIsNow(args));
    return plain.apply(this, args);
  };
}
const plainSetItem = Storage.prototype.setItem;
Storage.prototype.setItem = function (key, value) {
  if (key !== PLANTED_KEY) void note(this === localStorage ? 'localStorage' : 'sessionStorage', [key, value]);
  return plainSetItem.call(this, key, value);
};
// What the worker writes, stores and fetches; canary-hunt.ts puts the other end in front of its script.
new BroadcastChannel('canary').onmessage = ({ data }) => {
  if (data.fetched !== undefined) calls.push(data.fetched);
  if (data.stored !== undefined) void note(`IndexedDB ${data.place}`, data.stored);
  if (data.line === undefined) return;
  lines.push(`worker ${data.level} ${textOf(data.line)}`);
  void note(`worker console.${data.level}`, data.line);
};

window.plant = async ({ texts }) => {
  document.title = texts.title;
  window.name = texts['window-name'];
  localStorage.setItem(PLANTED_KEY, texts['local-storage']);
  sessionStorage.setItem(PLANTED_KEY, texts['session-storage']);
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not in every engine
  document.cookie = `${PLANTED_KEY}=${texts.cookie}; path=/; SameSite=Lax`;
  history.replaceState({ secret: texts['history-state'] }, '');
  return { search: location.search, hash: location.hash, referrer: document.referrer, cookie: document.cookie };
};

/** What a call came to: a word for the test, everything else for the search. */
const outcome = async (name, call) => {
  try {
    const value = await call();
    outcomes[name] = 'done';
    return value;
  } catch (error) {
    outcomes[name] = error.code ?? error.name;
    await note(`error of ${name}`, error);
    return null;
  }
};

const clientOf = async (base) => {
  const insitu = await import(`${base}/insitu/insitu.js`);
  const logger = (...entry) => {
    lines.push(`logger ${entry.join(' ')}`);
    void note('logger', entry);
  };
  return insitu.createClient({ collector: { url: base, key: 'demo' }, consent: 'granted', logger, logLevel: 'debug' });
};

const DIMS = [1, 1, 8, 8];
const imageOf = (floats) => {
  const data = Float32Array.from({ length: 64 }, (_, at) => (at * 5) % 4);
  data.set(floats, 12);
  return data;
};
const bytesOf = (base64) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const signed = (base, path, secret) => `${base}${path}?signature=${encodeURIComponent(secret)}`;

/** The 28th pixel a little brighter. */
const slightlyOther = (data, index) => data.map((value, at) => (at === 27 ? value + index * 1e-5 : value));

const goodRuns = async (model, { floats, image, texts }) => {
  const data = imageOf(floats);
  const before = lines.length;
  let result = null;
  // The values as they are, and beside them others, so that the counts leave.
  for (let index = 0; index < 20; index++) result = await model.run({ image: { data: slightlyOther(data, index), dims: DIMS } });
  outcomes['lines during 20 runs'] = String(lines.length - before);
  await outcome('image with EXIF', async () => {
    const bitmap = await createImageBitmap(new File([bytesOf(image)], texts['image-file-name'], { type: 'image/jpeg' }));
    const canvas = Object.assign(document.createElement('canvas'), { width: 8, height: 8 });
    const context = canvas.getContext('2d');
    context.drawImage(bitmap, 0, 0, 8, 8);
    const pixels = context.getImageData(0, 0, 8, 8).data;
    await model.run({ image: { data: Float32Array.from({ length: 64 }, (_, at) => (pixels[at * 4] / 255) * 16), dims: DIMS } });
  });
  if (typeof model.feedback !== 'function') return;
  await outcome('feedback with an unknown label', () => model.feedback(result, { corrected: texts['feedback-label'] }));
  const beforeFeedback = lines.length;
  await outcome('feedback of a known kind', () => model.feedback(result, 'accepted'));
  // This manifest does not ask for it: nothing is counted, and nothing is lost.
  outcomes['lines during feedback'] = String(lines.length - beforeFeedback);
  await outcome('feedback of an unknown kind', () => model.feedback(result, texts['feedback-label']));
};

const wrongRuns = async (model, { refusedFloats, texts }) => {
  const data = imageOf(refusedFloats);
  const words = Array.from({ length: 64 }, () => texts['tensor-text']);
  const wrong = {
    'unknown input': { [texts['input-name']]: { data, dims: DIMS } },
    'input beside the right one': { image: { data, dims: DIMS }, [texts['input-name']]: { data, dims: DIMS } },
    'missing input': {},
    'wrong dims': { image: { data, dims: [1, 1, 8, 9] } },
    'data where dims belong': { image: { data: DIMS, dims: [...refusedFloats.map((value) => Math.fround(value))] } },
    'dims of a wrong rank': { image: { data, dims: [...data] } },
    'text where dims belong': { image: { data, dims: texts['tensor-text'] } },
    'texts where dims belong': { image: { data, dims: [1, 1, 8, texts['tensor-text']] } },
    'too few elements': { image: { data: Float32Array.from(refusedFloats), dims: DIMS } },
    'wrong type': { image: { data: Float64Array.from(data), dims: DIMS } },
    'texts as elements': { image: { data: words, dims: DIMS } },
    'text as data': { image: { data: texts['tensor-text'], dims: DIMS } },
    'text as type': { image: { data, dims: DIMS, type: texts['tensor-text'] } },
    'no tensor at all': { image: texts['tensor-text'] },
  };
  for (const [name, feeds] of Object.entries(wrong)) await outcome(name, () => model.run(feeds));
  await outcome('unknown segment', () => model.run({ image: { data, dims: DIMS } }, { segment: texts.segment }));
  await outcome('text as time limit', () => model.run({ image: { data, dims: DIMS } }, { timeoutMs: texts['tensor-text'] }));
};

const loads = async (client, { base, texts, table, index, image, floats }) => {
  const failing = {
    'missing model': signed(base, '/models/missing.onnx', texts['signed-missing']),
    'missing manifest': signed(base, '/models/missing/model.json', texts['signed-missing']),
    'pointer instead of a model': signed(base, '/canary/pointer.onnx', texts['signed-pointer']),
    'noise instead of a model': signed(base, '/canary/noise.onnx', texts['signed-pointer']),
    'page instead of a manifest': signed(base, '/canary/page.json', texts['signed-pointer']),
    'manifest without files': signed(base, '/canary/model.json', texts['signed-pointer']),
    'no address': `http://[${texts['signed-pointer']}`,
  };
  for (const [name, url] of Object.entries(failing)) await outcome(name, () => client.load(url));
  const broken = new TextEncoder().encode(`{ no model, but ${texts['broken-file-name']} }`);
  await outcome('broken file', () => client.load({ name: `${texts['broken-file-name']}.onnx`, bytes: broken }, { telemetry: true }));
  await outcome('image instead of a model', () =>
    client.load({ name: texts['image-file-name'], bytes: bytesOf(image) }, { telemetry: true }),
  );
  const bytes = new Uint8Array(
    await (await plainFetch(`${base}/models/digits/digits.fp32.onnx`, { referrerPolicy: 'no-referrer' })).arrayBuffer(),
  );
  const dropped = await outcome('dropped file', () => client.load({ name: `${texts['file-name']}.onnx`, bytes }));
  if (dropped !== null) {
    await outcome('run of the dropped file', () =>
      dropped.run({ [dropped.manifest.inputs[0].name]: { data: imageOf(floats), dims: DIMS } }),
    );
    await note('explanation', dropped.explain());
    await dropped.close();
    await outcome('run after close', () => dropped.run({}));
  }
  const gather = await outcome('table lookup', () => client.load({ name: 'gather.onnx', bytes: bytesOf(table) }, { telemetry: true }));
  const feeds = { table: { data: Float32Array.of(1, 2, 3, 4), dims: [4] }, index: { data: BigInt64Array.of(BigInt(index)), dims: [1] } };
  await outcome('index outside of the table', () => gather.run(feeds));
  const plain = await outcome('plain model', () => client.load(signed(base, '/models/digits/digits.fp32.onnx', texts['signed-model'])));
  if (plain === null) return;
  await outcome('run of the plain model', () => plain.run({ [plain.manifest.inputs[0].name]: { data: imageOf(floats), dims: DIMS } }));
  await note('explanation', plain.explain());
};

const hide = () => {
  Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
  delete document.visibilityState;
  document.dispatchEvent(new Event('visibilitychange'));
};

/** One visit. `parts` leaves work out that a mutant does not need. */
window.visit = async (order) => {
  const { base, texts, parts } = order;
  const client = await clientOf(base);
  const model = await outcome('model', () => client.load(signed(base, '/models/digits/model.json', texts['signed-manifest'])));
  if (model !== null) {
    await outcome('good runs', () => goodRuns(model, order));
    await outcome('flush', () => client.telemetry.flush());
    if (parts.includes('wrong runs')) await wrongRuns(model, order);
    await note('explanation', model.explain());
  }
  if (parts.includes('loads')) await loads(client, order);
  await dump();
  hide();
  await outcome('flush', () => client.telemetry.flush());
  await note('inspect', await outcome('inspect', () => client.telemetry.inspect()));
  await note('status', client.telemetry.status());
  await note('stored models', await outcome('stored models', () => client.models.list()));
  await client.close();
  await outcome('load after close', () => client.load(texts['signed-model']));
  await dump();
  return { captured, outcomes, calls, lines };
};

/** Counts one image, and slightly other ones so often that the counts leave. */
window.countRuns = async ({ base }, image) => {
  const client = await clientOf(base);
  // Quantized, a small difference would be none.
  const model = await client.load(`${base}/models/digits/model.json`, { variant: 'fp32' });
  for (let index = 0; index < 9; index++) await model.run({ image: { data: slightlyOther(Float32Array.from(image), index), dims: DIMS } });
  await client.telemetry.flush();
  await client.close();
};

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** All that is stored for this origin, less what the page itself has put there. */
const dump = async () => {
  for (const { name } of await indexedDB.databases()) {
    const db = await settled(indexedDB.open(name));
    for (const store of db.objectStoreNames) {
      const objects = db.transaction(store).objectStore(store);
      const [keys, values] = await Promise.all([settled(objects.getAllKeys()), settled(objects.getAll())]);
      await note(`IndexedDB ${name} ${store}`, { name, keys, values });
    }
    db.close();
  }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const body = await (await cache.match(request)).arrayBuffer();
      await note(`cache ${name}`, [name, request.url, [...request.headers], body]);
    }
  }
  for (const [where, storage] of [
    ['localStorage', localStorage],
    ['sessionStorage', sessionStorage],
  ]) {
    const own = Object.entries(storage).filter(([key]) => key !== PLANTED_KEY);
    if (own.length > 0) await note(where, own);
  }
  const cookies = document.cookie.split('; ').filter((cookie) => !cookie.startsWith(`${PLANTED_KEY}=`));
  await note('cookies', cookies);
  const files = await navigator.storage?.getDirectory?.().catch(() => null);
  if (files?.entries === undefined) return;
  for await (const [name, handle] of files.entries()) await note('private files', [name, await handle.getFile?.()]);
};

window.ready = true;
