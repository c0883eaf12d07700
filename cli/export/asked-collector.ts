/**
 * The collector that a command asks, and the models of it that somebody named.
 */
import { createCollectorClient, type ModelEntry } from '../../collector/client/collector-client.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';

/** @param adminKey For what is the owner's alone. */
export function clientOf(url: string, adminKey?: string): ReturnType<typeof createCollectorClient> {
  try {
    return createCollectorClient({ url, ...(adminKey !== undefined && { adminKey }) });
  } catch {
    throw new UsageError(`--collector must be an http or https address, not "${url}".`);
  }
}

/** @throws {CommandError} when none is of that name or version. */
export function chosenModels(models: readonly ModelEntry[], wanted: string | undefined): readonly ModelEntry[] {
  if (wanted === undefined) return models;
  const chosen = models.filter(({ name, modelVersion }) => name === wanted || modelVersion === wanted);
  if (chosen.length === 0) throw new CommandError(`The collector has no model "${wanted}". GET /v1/models lists those that it has.`);
  return chosen;
}
