/** Telemetry's parts straight from their sources, for tests that run it in Node. Imported beforehand, so that no wait depends on a file. */
import * as counts from '../../sdk/counting/entry.ts';
import * as delivery from '../../sdk/delivery/delivery.ts';
import * as localDp from '../../sdk/local-dp/entry.ts';
import type { TelemetryFiles } from '../../sdk/telemetry/level.ts';

export const telemetryFiles: TelemetryFiles = {
  delivery: async () => delivery,
  localDp: async () => localDp,
  counts: async () => counts,
};
