/**
 * The application's veto on a request, of page and service worker alike.
 *
 * Invariants
 *  - A veto that fails is a veto: what the application could not look at does not leave.
 */
import { firstLine } from '../../protocol/errors.ts';
import type { Logger } from '../api/logger.ts';
import type { TelemetryOptions } from '../api/telemetry.ts';

/** Whether the application refuses the very bytes of a request. */
export function vetoOf(onBeforeSend: TelemetryOptions['onBeforeSend'], logger: Logger): (bytes: Uint8Array) => boolean {
  return (bytes) => {
    try {
      // Anything else than true is a veto: a promise of an answer comes too late.
      return onBeforeSend !== undefined && onBeforeSend(bytes.slice()) !== true;
    } catch (error) {
      logger('error', 'before-send-failed', `onBeforeSend failed (${firstLine(error)}), so the report was not sent.`);
      return true;
    }
  };
}
