/**
 * The command line of the commands that read a data set: `FOLDER --data PATH... --limit N`.
 *
 * Invariants
 *  - The first name is the model's folder; names after a `--data` are data, so that a shell may expand a pattern.
 */
import { parseArgs } from 'node:util';
import { argumentError, UsageError } from '../terminal/usage-error.ts';

interface DataArguments {
  readonly folder: string;
  readonly data: readonly string[];
  readonly limit: number | null;
  /** The command's own options that were given; a flag is `true`. */
  readonly own: Readonly<Record<string, string | true>>;
}

/**
 * @param own The command's own options.
 * @returns null when help was asked for.
 */
export function parseDataArguments(
  command: string,
  args: readonly string[],
  own: Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>,
): DataArguments | null {
  const seeHelp = `See insitu ${command} --help.`;
  const { tokens } = parseTokens([...args], own, seeHelp);
  const folders: string[] = [];
  const data: string[] = [];
  const values: Record<string, string | true> = {};
  for (const token of tokens) {
    if (token.kind === 'positional') (folders.length > 0 && data.length > 0 ? data : folders).push(token.value);
    else if (token.kind === 'option' && token.name === 'data') data.push(token.value ?? '');
    else if (token.kind === 'option') values[token.name] = token.value ?? true;
  }
  const { help, limit, ...given } = values;
  if (help !== undefined) return null;
  const [folder] = folders;
  if (folder === undefined || folders.length > 1) throw new UsageError(`Name one model folder. ${seeHelp}`);
  return { folder, data, limit: limit === undefined ? null : countOf('limit', String(limit)), own: given };
}

function parseTokens(args: string[], own: Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>, seeHelp: string) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      tokens: true,
      options: {
        ...own,
        data: { type: 'string', multiple: true },
        limit: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw argumentError(error, seeHelp);
  }
}

/** @throws {UsageError} unless the text is a whole number from 1 on. */
export function countOf(option: string, text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new UsageError(`--${option} must be a whole number from 1 on, not "${text}".`);
  return Number(text);
}
