/**
 * WebNN of this worker: the one context that sessions share, or why there is none.
 *
 * Why asked and not looked up: `navigator.ml` may be there and refuse every kind of device ("WebNN is not supported on this platform").
 *
 * Invariants
 *  - A neural processor before a GPU before the CPU, which the wasm provider knows better.
 *
 * Source: W3C Web Neural Network API, `ML.createContext`; its types are not in TypeScript's library.
 */
import { inTime } from '../../protocol/deadline.ts';
import { firstLine } from '../../protocol/errors.ts';
import { DEVICE_ANSWER_TIMEOUT_MS } from '../../protocol/limits.ts';

const DEVICE_TYPES = ['npu', 'gpu', 'cpu'] as const;

interface Ml {
  createContext(options: { deviceType: (typeof DEVICE_TYPES)[number] }): Promise<object>;
}

export class Webnn {
  private asking: Promise<object | string> | null = null;

  /** Why it cannot be used, or null. */
  async refusal(): Promise<string | null> {
    const context = await this.ask();
    return typeof context === 'string' ? context : null;
  }

  async context(): Promise<object | null> {
    const context = await this.ask();
    return typeof context === 'string' ? null : context;
  }

  private ask(): Promise<object | string> {
    this.asking ??= contextOrReason();
    return this.asking;
  }
}

async function contextOrReason(): Promise<object | string> {
  const { ml } = navigator as { ml?: Ml };
  if (ml === undefined) return 'this browser has no WebNN';
  let reason = '';
  for (const deviceType of DEVICE_TYPES) {
    try {
      return await inTime(ml.createContext({ deviceType }), DEVICE_ANSWER_TIMEOUT_MS);
    } catch (error) {
      reason = firstLine(error);
    }
  }
  return `WebNN gives no context: ${reason}`;
}
