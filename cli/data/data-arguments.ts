/**
 * The command line of the commands that read a data set: `FOLDER --data PATH... --limit N`.
 *
 * Invariants
 *  - The first name is the model's folder; names after a `--data` are data, so that a shell may expand a pattern.
 */
import { countOf, onlyName } from '../terminal/arguments.ts';

/** For `readArguments`, beside a command's own. */
export const DATA_OPTIONS = { data: { type: 'string', multiple: true }, limit: { type: 'string' } } as const;

interface Given {
  readonly values: { readonly limit?: string | undefined };
  readonly tokens: readonly { readonly kind: string; readonly name?: string; readonly value?: string | undefined }[];
}

interface DataArguments {
  readonly folder: string;
  readonly data: readonly string[];
  readonly limit: number | null;
}

/** What of the arguments is the folder, and what is data. */
export function dataArguments(command: string, { values: { limit }, tokens }: Given): DataArguments {
  const folders: string[] = [];
  const data: string[] = [];
  for (const { kind, name, value = '' } of tokens) {
    if (kind === 'positional') (folders.length > 0 && data.length > 0 ? data : folders).push(value);
    else if (kind === 'option' && name === 'data') data.push(value);
  }
  const folder = onlyName(command, folders, 'Name one model folder.');
  return { folder, data, limit: limit === undefined ? null : countOf('limit', limit) };
}
