/**
 * Progress of a long reading, on a terminal and nowhere else.
 *
 * Invariants
 *  - One line that is written over, gone when the work is done; a log file never sees it.
 */

/** Between two lines: often enough to be seen moving. */
const LINE_INTERVAL_MS = 250;
const CLEAR_LINE = '\r\u001b[K';

interface Progress {
  readonly advance: () => void;
  readonly end: () => void;
}

/** Sentences about long steps, each in the place of the one before. */
interface Steps {
  readonly say: (sentence: string) => void;
  readonly end: () => void;
}

export function startSteps(terminal: Terminal = process.stderr): Steps {
  const write = (text: string): void => {
    if (terminal.isTTY) terminal.write(`${CLEAR_LINE}${text}`);
  };
  return { say: write, end: () => write('') };
}

type Terminal = Pick<NodeJS.WriteStream, 'isTTY' | 'write'>;

/** @param count Rows in all, where known. */
export function startProgress(count: number | null, terminal: Terminal = process.stderr): Progress {
  if (!terminal.isTTY) return { advance: () => undefined, end: () => undefined };
  const startMs = performance.now();
  let lineMs = startMs;
  let rowCount = 0;
  return {
    advance() {
      rowCount++;
      const nowMs = performance.now();
      if (nowMs - lineMs < LINE_INTERVAL_MS) return;
      lineMs = nowMs;
      const rate = Math.round((1000 * rowCount) / (nowMs - startMs));
      const share = count === null ? '' : `, ${Math.floor((100 * rowCount) / Math.max(1, count))} %`;
      terminal.write(`${CLEAR_LINE}${rowCount} rows${share}, ${rate} rows/s`);
    },
    end() {
      terminal.write(CLEAR_LINE);
    },
  };
}
