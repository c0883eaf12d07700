/**
 * Rooms: every import follows the law (rooms.ts), no arrow comes back, and what a room may touch it alone touches.
 *
 * Method: the real imports are read from the sources. That the checks see what they should is tested on planted imports.
 */
import { expect, test } from 'vitest';
import { circlesIn, isAllowed } from './graph.ts';
import { ROOMS, type Room } from './rooms.ts';
import { fileOfLine, files, type Import, imports, isComment, linesWith, PRODUCT, product, roomOf, textOf } from './sources.ts';

/** A file's or room's neighbours; only what the product itself holds. */
function graphOf(of: readonly Import[], nameOf: (file: string) => string): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>();
  for (const { file, target } of of) {
    if (target === null || !product.includes(target)) continue;
    const [from, to] = [nameOf(file), nameOf(target)];
    const known = graph.get(from) ?? new Set();
    graph.set(from, known);
    if (from !== to || file === target) known.add(to);
    if (!graph.has(to)) graph.set(to, new Set());
  }
  return graph;
}

const breachesOf = (of: readonly Import[]): string[] =>
  of.flatMap(({ file, target }) =>
    target === null || isAllowed(ROOMS, roomOf(file), target) ? [] : [`${file} imports ${target}, which ${roomOf(file)} may not`],
  );

const plant = (file: string, target: string): readonly Import[] => [...imports, { file, name: target, target }];

test('every room of the product has a row in the law, and every row a room', () => {
  const rooms = [...new Set(product.map(roomOf))].sort();
  expect(rooms).toEqual(Object.keys(ROOMS).sort());
});

test('a file imports only rooms that its own may know', () => {
  expect(imports.length).toBeGreaterThan(1000);
  expect(breachesOf(imports)).toEqual([]);
});

test('a planted import against the law is found', () => {
  const planted = plant('worker/store/model-store.ts', 'sdk/client.ts');
  expect(breachesOf(planted)).toEqual(['worker/store/model-store.ts imports sdk/client.ts, which worker/store may not']);
});

test('the law has no circle, and names only rooms and files that are there', () => {
  const law = new Map(Object.entries(ROOMS).map(([room, { imports: doors }]) => [room, new Set(doors.map((door) => roomNamed(door)))]));
  expect(circlesIn(law)).toEqual([]);
  const unknown = Object.values(ROOMS).flatMap(({ imports: doors }) => doors.filter((door) => !(door in ROOMS) && !product.includes(door)));
  expect(unknown).toEqual([]);
});

const roomNamed = (door: string): string => (door.endsWith('.ts') ? roomOf(door) : door);

test('the law allows no more than is used', () => {
  const used = new Set(imports.flatMap(({ file, target }) => (target === null ? [] : [`${roomOf(file)} ${target}`])));
  const needless = Object.entries(ROOMS).flatMap(([room, { imports: doors }]) =>
    doors
      .filter((door) => ![...used].some((use) => use.startsWith(`${room} `) && isThrough(door, use.slice(room.length + 1), room)))
      .map((door) => `${room} does not import ${door}`),
  );
  expect(needless).toEqual([]);
});

const isThrough = (door: string, target: string, room: string): boolean =>
  isAllowed({ [room]: { imports: [door] } }, room, target) && roomOf(target) !== room;

test('no file imports itself through others', () => {
  expect(circlesIn(graphOf(imports, (file) => file))).toEqual([]);
});

test('no room imports itself through others', () => {
  expect(circlesIn(graphOf(imports, roomOf))).toEqual([]);
});

test('a planted circle is found, between files and between rooms', () => {
  const [one, other] = ['counts/layout/plan.ts', 'counts/layout/segments.ts'];
  const within = [...plant(one, other), { file: other, name: one, target: one }];
  expect(circlesIn(graphOf(within, (file) => file))).toContainEqual([one, other]);
  const between = plant('worker/device/gpu.ts', 'worker/runtime/session.ts');
  expect(circlesIn(graphOf(between, roomOf))).toContainEqual(['worker/device', 'worker/runtime']);
});

test('a relative import names its file with its extension', () => {
  const findings = imports.filter(({ name }) => name.startsWith('.') && !/\.(ts|css|svg|json)(\?\w+)?$/.test(name));
  expect(findings).toEqual([]);
});

test('a vendor is imported by rooms that may', () => {
  const findings = imports.flatMap(({ file, name, target }) => {
    if (target !== null || name.startsWith('node:')) return [];
    const vendor = name.split('/', name.startsWith('@') ? 2 : 1).join('/');
    return ROOMS[roomOf(file)]?.vendors?.includes(vendor) ? [] : [`${file} imports ${vendor}`];
  });
  expect(findings).toEqual([]);
});

test('every vendor in the law is imported', () => {
  const used = imports.filter(({ target }) => target === null).map(({ file, name }) => `${roomOf(file)} ${name}`);
  const needless = Object.entries(ROOMS).flatMap(([room, { vendors = [] }]) =>
    vendors
      .filter((vendor) => !used.some((use) => use.startsWith(`${room} ${vendor}`)))
      .map((vendor) => `${room} does not import ${vendor}`),
  );
  expect(needless).toEqual([]);
});

test('Node is imported by rooms that may', () => {
  expect(imports.filter(({ file, name }) => name.startsWith('node:') && ROOMS[roomOf(file)]?.node !== true)).toEqual([]);
});

/** Lines of code that match, in rooms without that right. */
const linesOutside = (right: keyof Room, pattern: RegExp): string[] =>
  linesWith(pattern, product).filter((line) => !isComment(line) && ROOMS[roomOf(fileOfLine(line))]?.[right] !== true);

test('the network is asked by rooms that may', () => {
  expect(linesOutside('network', /(?<![.\w])fetch\(|\bXMLHttpRequest\b|\bWebSocket\b|\bEventSource\b/)).toEqual([]);
});

test('the clock is read by rooms that may', () => {
  expect(linesOutside('clock', /\b(Date|performance)\.now\b|new Date\(\)/)).toEqual([]);
});

test('a database of the browser is opened by rooms that may', () => {
  expect(linesOutside('indexedDB', /\bindexedDB\.(open|deleteDatabase|databases)\b|\bopenDB\(|\bdeleteDB\(/)).toEqual([]);
});

test('chance comes from crypto only', () => {
  const library = product.filter((file) => !/^(demo|cli|collector)\//.test(file));
  expect(linesWith(/Math\.random/, library).filter((line) => !isComment(line))).toEqual([]);
});

const FILE_COUNT_MAX = 14;

test(`no room has more than ${FILE_COUNT_MAX} files`, () => {
  const counts = new Map<string, number>();
  for (const file of files.filter((each) => PRODUCT.some((section) => each.startsWith(`${section}/`)))) {
    counts.set(roomOf(file), (counts.get(roomOf(file)) ?? 0) + 1);
  }
  expect([...counts].filter(([, count]) => count > FILE_COUNT_MAX)).toEqual([]);
});

/** Rooms that run where there is no document: service workers, workers, Node. */
const WITHOUT_DOCUMENT =
  /^(protocol|counts|onnx|processing|worker|collector(?!\/dashboard)|cli|sdk\/(delivery|service-worker)|demo\/service-worker)(\/|$)/;

test('a realm without a document is type-checked without one', () => {
  const folders = files.filter((file) => /(^|\/)tsconfig\.json$/.test(file)).map(roomOf);
  const findings = Object.keys(ROOMS)
    .filter((room) => WITHOUT_DOCUMENT.test(room))
    .flatMap((room) => {
      const nearest = folders.filter((folder) => `${room}/`.startsWith(`${folder}/`)).sort((a, b) => b.length - a.length)[0];
      const config = nearest === undefined ? '' : textOf(`${nearest}/tsconfig.json`);
      return nearest === undefined || /"DOM/.test(config) || !/"lib"/.test(config)
        ? [`${room} is checked by ${nearest}/tsconfig.json`]
        : [];
    });
  expect(findings).toEqual([]);
});
