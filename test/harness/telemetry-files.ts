/** Telemetry's parts straight from their sources, for tests that run it in Node. */
import type { TelemetryFiles } from '../../sdk/telemetry.ts';

export const telemetryFiles: TelemetryFiles = {
  delivery: () => import('../../sdk/delivery.ts'),
  counts: () => import('../../sdk/counts-entry.ts'),
};
