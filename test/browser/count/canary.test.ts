/**
 * Canary hunt: nothing that a page, a person or an input holds is in what leaves or is stored.
 *
 * Method: test/harness/canary-hunt.ts, once with the library as it is, once with leaks in it, because a hunt that sees nothing
 * in an engine would find nothing there. Prints how much was searched.
 */
import { afterAll, beforeAll, expect } from 'vitest';
import { browserTest } from '../../harness/browsers.ts';
import { HuntGround } from '../../harness/canary-hunt.ts';
import { LEAKS } from '../../mutants/leaks.ts';
import { Library } from '../../mutants/library.ts';

let ground: HuntGround;

beforeAll(async () => {
  ground = await HuntGround.open();
});
afterAll(() => ground.close());

/** What each step of a visit comes to: a hunt whose steps do not happen finds nothing either. */
const OUTCOMES = {
  model: 'done',
  'good runs': 'done',
  'lines during 20 runs': '0',
  'image with EXIF': 'done',
  'feedback with an unknown label': 'invalid-option',
  'feedback of a known kind': 'done',
  'lines during feedback': '0',
  'feedback of an unknown kind': 'invalid-option',
  flush: 'done',
  inspect: 'done',
  'stored models': 'done',
  'load after close': 'client-closed',
  'unknown input': 'input-unknown',
  'input beside the right one': 'input-unknown',
  'missing input': 'input-missing',
  'wrong dims': 'tensor-dims-mismatch',
  'data where dims belong': 'tensor-dims-mismatch',
  'dims of a wrong rank': 'tensor-dims-mismatch',
  'text where dims belong': 'tensor-dims-mismatch',
  'texts where dims belong': 'tensor-dims-mismatch',
  'too few elements': 'tensor-data-mismatch',
  'wrong type': 'tensor-type-mismatch',
  'texts as elements': 'tensor-type-mismatch',
  'text as data': 'tensor-type-mismatch',
  'text as type': 'tensor-type-mismatch',
  'no tensor at all': 'tensor-type-mismatch',
  'unknown segment': 'invalid-option',
  'text as time limit': 'invalid-option',
  'missing model': 'model-unreachable',
  'missing manifest': 'manifest-unreachable',
  'pointer instead of a model': 'model-not-onnx',
  'noise instead of a model': 'model-not-onnx',
  'page instead of a manifest': 'manifest-invalid',
  'manifest without files': 'manifest-invalid',
  'no address': 'invalid-option',
  'broken file': 'model-not-onnx',
  'image instead of a model': 'model-not-onnx',
  'dropped file': 'done',
  'run of the dropped file': 'done',
  'run after close': 'model-closed',
  'table lookup': 'done',
  'index outside of the table': 'run-failed',
  'plain model': 'done',
  'run of the plain model': 'done',
};

browserTest('no planted text or number is found in any encoding, in anything that leaves or is stored', async ({ engine, browser }) => {
  const hunt = await ground.hunt(browser);
  const { searchedBytes, requestCount, reportCount, places } = hunt;
  process.stdout.write(`canary hunt [${engine}]: ${searchedBytes} bytes searched, ${requestCount} requests, ${reportCount} reports\n`);
  expect(hunt.outcomes).toEqual(OUTCOMES);
  expect(hunt.finds).toEqual([]);
  expect(hunt.strays).toEqual([]);
  expect(hunt.oddPlaces).toEqual([]);
  const expected = [
    'IndexedDB insitu-telemetry windows',
    'IndexedDB insitu-models entries',
    'IndexedDB insitu-models chunks',
    'logger',
    'inspect',
  ];
  expect(places).toEqual(expect.arrayContaining([...expected, 'library request POST /v1/report/demo, body', 'error of broken file']));
});

const SEEDED = {
  'the page query behind the report’s last byte': 'url-query',
  'the input in IndexedDB': 'input',
  'the input in the Cache': 'input',
  'the runtime’s own lines on the console': 'index',
  'a person’s correction on the console': 'feedback-label',
  'the first element in an error': 'refused input',
} as const;

browserTest(`${Object.keys(SEEDED).length} leaks that were seeded together are all found`, async ({ browser }) => {
  const leaks = LEAKS.filter(({ name }) => name in SEEDED);
  const library = await (await Library.build()).with(leaks.flatMap(({ edits }) => edits));
  const { finds } = await ground.hunt(browser, library, ['wrong runs', 'loads']);
  const places = {
    'url-query': /request POST .*body/,
    input: /^IndexedDB insitu-models-recent/,
    index: /^worker console/,
    'feedback-label': /^console/,
    'refused input': /^error of too few elements/,
  };
  for (const [canary, place] of Object.entries(places)) {
    expect(finds.filter((find) => find.canary.startsWith(canary)).map(({ where }) => where)).toContainEqual(expect.stringMatching(place));
  }
  expect(finds.filter(({ canary }) => canary.startsWith('input')).map(({ where }) => where)).toContainEqual(
    expect.stringMatching(/^cache/),
  );
});
