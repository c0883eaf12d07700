/**
 * A model's answer to one example, with a sentence that names the example where it fails.
 */
import { firstLine } from '../../protocol/errors.ts';
import type { Feeds } from '../../protocol/tensors/tensors.ts';
import type { ReadableExample } from '../data/example.ts';
import { CommandError } from '../terminal/command-error.ts';
import type { NodeSession } from './node-session.ts';

/** @throws {CommandError} when the model refuses the example: it would refuse the others too. */
export async function answerOf(run: NodeSession, { where, feeds }: ReadableExample): Promise<Feeds> {
  try {
    return await run(feeds);
  } catch (error) {
    throw new CommandError(
      `The model cannot be run on ${where}: ${firstLine(error)}. Check the data's types and dims against the manifest.`,
    );
  }
}
