/**
 * The page's half of the worker by hand: one message each way, buffers transferred.
 */
export class ByHand {
  constructor(threads) {
    this.worker = new Worker('/pages/by-hand-worker.mjs', { type: 'module', name: String(threads) });
  }

  answer(message, buffers = []) {
    return new Promise((resolve, reject) => {
      this.worker.onmessage = ({ data }) => (data.error === undefined ? resolve(data) : reject(new Error(data.error)));
      this.worker.onerror = (event) => reject(new Error(event.message));
      this.worker.postMessage(message, buffers);
    });
  }

  load(url) {
    return this.answer({ type: 'load', url });
  }

  /** @param feeds `{ name, type, dims, data }` each; their buffers are gone afterwards. */
  run(feeds) {
    return this.answer(
      { type: 'run', feeds },
      feeds.map(({ data }) => data.buffer),
    );
  }
}
