/**
 * Leaks: products that let something of an input out, each in its own way. The comparison must catch every one.
 *
 * Method: each wraps the real counter or the way in which a run is told to telemetry, and looks at a trait of the run that
 * its cells do not hold: the bits of its elements.
 */
import { createRunCounter } from '../../counts/run/run-counter.ts';
import type { Feeds, TensorWire } from '../../protocol/tensors/tensors.ts';
import { type Page, type Product, REAL_PRODUCT } from './product.ts';

type CountedRun = Parameters<Product['tell']>[1];

/** A number that depends on every bit of the inputs. */
function traitOf(feeds: Feeds): number {
  let trait = 0;
  for (const byte of Object.values(feeds).flatMap((tensor) => bytesOf(tensor))) trait = (trait * 31 + byte) % 65_521;
  return trait;
}

function bytesOf({ data }: TensorWire): number[] {
  if (ArrayBuffer.isView(data)) return [...new Uint8Array(data.buffer, data.byteOffset, data.byteLength)];
  return [...new TextEncoder().encode(JSON.stringify(data))];
}

/** A counter that changes the real one's cells with the run's trait at hand. */
function counting(change: (cells: Uint32Array, trait: number, cellCount: number) => Uint32Array): Product {
  return {
    ...REAL_PRODUCT,
    counterOf: (manifest, plan) => {
      const count = createRunCounter(manifest, plan);
      return (feeds, outputs) => change(count(feeds, outputs), traitOf(feeds), plan.cellCount);
    },
  };
}

/** A page that tells telemetry more, or otherwise, than it should. */
function telling(tell: (page: Page, counted: CountedRun, trait: number) => void): Product {
  return { ...REAL_PRODUCT, tell: (page, counted) => tell(page, counted, traitOf(counted.run.feeds)) };
}

const OUTCOME = { segment: 0, queueMs: 0.25, runMs: 1, totalMs: 2 };

/** By what leaks, and through what. */
export const LEAKS: Readonly<Record<string, Product>> = {
  'the lowest bit of the inputs, in a count': counting((cells, trait) => cells.map((word, at) => (at === 1 ? word + (trait & 1) : word))),
  'the inputs, in the choice of a cell': counting((cells, trait, cellCount) => Uint32Array.of(...cells, trait % cellCount, 1)),
  'the inputs, in a count of the run behind': {
    ...REAL_PRODUCT,
    counterOf: (manifest, plan) => {
      const count = createRunCounter(manifest, plan);
      let last = 0;
      return (feeds, outputs) => {
        const cells = count(feeds, outputs).map((word, at) => (at === 1 ? word + (last & 3) : word));
        last = traitOf(feeds);
        return cells;
      };
    },
  },
  'an input now and then, in a run that is not counted': counting((cells, trait) => (trait % 4 === 0 ? new Uint32Array(0) : cells)),
  'the inputs, in a duration': telling(({ telemetry, model }, { cells }, trait) =>
    telemetry.recorderOf('stable').answered(model, { ...OUTCOME, runMs: 1 + (trait % 64) }, Promise.resolve(cells)),
  ),
  'the inputs, in the segment': telling(({ telemetry, model }, { cells }, trait) =>
    telemetry.recorderOf('stable').answered(model, { ...OUTCOME, segment: trait % 4 }, Promise.resolve(cells)),
  ),
  'the inputs, in whether a run is told at all': telling((page, counted, trait) => {
    if (trait % 2 === 0) REAL_PRODUCT.tell(page, counted);
  }),
  'the inputs, in when a request is made': telling((page, counted, trait) => {
    REAL_PRODUCT.tell(page, counted);
    if (trait % 8 === 0) void page.telemetry.flush();
  }),
  'the inputs, in how much of the random source is used': telling((page, counted, trait) => {
    page.random(trait % 2);
    REAL_PRODUCT.tell(page, counted);
  }),
  'the inputs, in how a run fails': telling(({ telemetry, model }, _counted, trait) =>
    telemetry.recorderOf('stable').runFailed(model, trait % 2 === 0 ? 'run-failed' : 'out-of-memory'),
  ),
  'the inputs, in a line to the logger': telling((page, counted, trait) => {
    REAL_PRODUCT.tell(page, counted);
    page.logger('warn', 'counts-lost', `Run ${trait} was counted.`);
  }),
  'the inputs, in the model version': telling(({ telemetry, model }, { cells }, trait) =>
    telemetry
      .recorderOf('stable')
      .answered({ ...model, modelVersion: trait.toString(16).padStart(16, '0') }, OUTCOME, Promise.resolve(cells)),
  ),
  'the inputs, in the moment at which telemetry pauses': telling((page, counted, trait) => {
    REAL_PRODUCT.tell(page, counted);
    if (trait % 16 === 0) page.telemetry.pause();
  }),
};

/** Counters that count otherwise than the specification says: the reference must tell them from the real one. */
export const MISCOUNTS: Readonly<Record<string, Product>> = {
  'every cell one place to the right': counting((cells, _trait, cellCount) =>
    cells.map((word, at) => (at % 2 === 0 ? (word + 1) % cellCount : word)),
  ),
  'one count too many, now and then': counting((cells, trait) => cells.map((word, at) => (at === 1 && trait % 8 === 0 ? word + 1 : word))),
  'the last cell left out': counting((cells) => cells.slice(0, -2)),
  'every run as new': counting((cells) => (cells[0] === 1 ? Uint32Array.of(0, ...cells.slice(1)) : cells)),
};
