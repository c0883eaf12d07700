/**
 * Leaks of values: through a cell, a count or a moment, where no secret stands to be found. Comparing what leaves must show them.
 */
import { compared, DAILY, edit, type Leak } from './leak.ts';

export const VALUE_LEAKS: readonly Leak[] = [
  compared(
    'the first pixel instead of the brightness',
    'inputs',
    [edit('counts/kinds/image.ts', 'const brightness = lumaSum / pixelCount;', 'const brightness = firstValue * scale;')],
    DAILY,
  ),
  compared('the last pixel in the contrast', 'inputs', [
    edit('counts/kinds/image.ts', 'contrast: Math.sqrt(', 'contrast: (values[offset + 63] as number) * scale + 0 * Math.sqrt('),
  ]),
  compared(
    'low digits of a score in the margin',
    'inputs',
    [edit('counts/kinds/label-scores.ts', 'margin: count > 1 ? top - second : top', 'margin: (top * 1e4) % 1')],
    DAILY,
  ),
  compared('low digits of the first value in a count', 'inputs', [
    edit(
      'counts/kinds/numeric.ts',
      'let restCount = values.length;',
      'run.bump(offset, 1 + Math.trunc((values[0] as number) * 1e5) % 89); let restCount = values.length;',
    ),
  ]),
  compared('the position of the largest value in a cell', 'inputs', [
    edit(
      'counts/kinds/numeric.ts',
      'let restCount = values.length;',
      'run.bump(offset + values.indexOf(Math.max(...values))); let restCount = values.length;',
    ),
  ]),
  compared('finer cells than the plan says', 'inputs', [
    edit('counts/layout/log-linear.ts', 'if (index < 0) return -1;', 'if (index < 0 || (value * 1e3) % 2 < 1) return -1;'),
  ]),
  compared(
    'a hash of the input in a cell',
    'inputs',
    [
      edit(
        'counts/run/run-counter.ts',
        'return counts.take();',
        `for (const { data } of Object.values(feeds)) {
         let hash = 7;
         for (const value of data as Float32Array) hash = (hash * 31 + Math.trunc(value * 1e6)) % 1_000_003;
         counts.bump(hash % plan.cellCount);
       }
       return counts.take();`,
      ),
    ],
    DAILY,
  ),
  compared('the order of the values in a count', 'inputs', [
    edit('counts/tally/run-counts.ts', 'sort(cells);', ''),
    edit(
      'counts/tally/run-counts.ts',
      '= this.counts[cell] as number;\n      this.counts[cell] = 0;',
      '= (this.counts[cell] as number) + (index === 20 ? 1 : 0); this.counts[cell] = 0;',
    ),
  ]),
  compared(
    'the time of a window in its id',
    'moments',
    [edit('sdk/delivery/open-window.ts', 'toHex(random(16))', "toHex(random(10)) + this.openedAtMs.toString(16).padStart(12, '0')")],
    DAILY,
  ),
  compared('the minute in the mark of a window', 'moments', [
    edit(
      'sdk/delivery/outbox.ts',
      'if (window.day === day) window.mark = mark;',
      'window.mark = Math.floor(this.deps.now() / 60_000) % 2 === 0 ? mark : null;',
    ),
  ]),
  compared('the minute instead of the hour', 'moments', [
    edit('sdk/delivery/open-window.ts', 'hour: clock.hour()', 'hour: Math.floor(clock.now() / 60_000)'),
  ]),
  compared(
    'an element of the input in a count, in the worker',
    'page counts',
    [
      edit(
        'worker/runs/run-counting.ts',
        'return counter(readFeeds, readOutputs, { inputs: unreadInputs, outputs: unreadOutputs } satisfies OnGpu);',
        'const cells = counter(readFeeds, readOutputs); cells[1] = 1 + (Math.trunc((Object.values(readFeeds)[0]?.data[12] as number) * 1e6) % 97); return cells;',
      ),
    ],
    DAILY,
  ),
  compared('an element of the output in a cell, in the page', 'page counts', [
    edit(
      'sdk/model/model.ts',
      'queueMs, runMs, totalMs }, answer.cells)',
      'queueMs, runMs, totalMs }, answer.cells.then((cells) => { cells[cells.length - 2] += Math.trunc((Object.values(outputs)[0].data[9] as number) * 1e9) % 3; return cells; }))',
    ),
  ]),
];
