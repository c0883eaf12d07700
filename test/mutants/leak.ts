/**
 * A seeded leak: one way to let something out of our own sources that must stay, and the check that must see it.
 *
 * `hunt`: a planted secret is found, or something lies or goes where nothing of ours may (test/harness/canary-hunt.ts).
 * `inputs`, `moments`: what leaves differs for two inputs of the same cells, or for two moments of the same hour (egress.ts).
 * `page counts`: the same for inputs, through the real worker in Chromium.
 *
 * Not here: the leaks themselves (secret-leaks.ts, value-leaks.ts).
 */
import type { HuntPart } from '../harness/canary-hunt.ts';
import type { Edit } from './library.ts';

export type Check = 'hunt' | 'inputs' | 'moments' | 'page counts';

export interface Leak {
  /** What leaks, and to where. */
  readonly name: string;
  readonly edits: readonly Edit[];
  readonly check: Check;
  /** Of the hunt: the planted secret that must be found; null where a place or a line is the evidence. */
  readonly secret: string | null;
  /** Of the hunt, beside good runs. */
  readonly parts: readonly HuntPart[];
  /** Seeded in every `npm test`, the others in `npm run prove canary-mutants`. */
  readonly isDaily: boolean;
}

type Options = Partial<Pick<Leak, 'parts' | 'isDaily'>>;

export function hunted(name: string, secret: string | null, edit: Edit, { parts = [], isDaily = false }: Options = {}): Leak {
  return { name, check: 'hunt', edits: [edit], secret, parts, isDaily };
}

export function compared(name: string, check: Exclude<Check, 'hunt'>, edits: readonly Edit[], { isDaily = false }: Options = {}): Leak {
  return { name, check, edits, secret: null, parts: [], isDaily };
}

export const edit = (file: string, find: string, replace: string): Edit => ({ file, find, replace });
export const DAILY = { isDaily: true };
export const WRONG_RUNS: Options = { parts: ['wrong runs'] };
export const LOADS: Options = { parts: ['loads'] };
