/**
 * A model's address with the key that follows from it (protocol/worker/model-address.ts), made once for each load.
 */
import { modelKey } from '../../protocol/worker/model-address.ts';

export interface ModelAddress {
  /** In full: what is asked for. */
  readonly url: string;
  /** What it is stored under. */
  readonly key: string;
  /** Parameters that the key leaves out. */
  readonly ignoreQuery: readonly string[];
}

export async function modelAddress(url: string, ignoreQuery: readonly string[]): Promise<ModelAddress> {
  return { url, ignoreQuery, key: await modelKey(new URL(url), ignoreQuery) };
}
