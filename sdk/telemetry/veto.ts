/**
 * The application's veto on a request, of page and service worker alike.
 */
import { firstLine } from '../../protocol/errors.ts';
import type { ClientOptions } from '../api/client.ts';
import type { Logger } from '../api/logger.ts';

/** A veto that fails is a veto: what the application could not look at does not leave. */
export function mayLeave(onBeforeSend: ClientOptions['onBeforeSend'], bytes: Uint8Array, logger: Logger): boolean {
  try {
    // Anything else than true is a veto: a promise of an answer comes too late.
    return onBeforeSend === undefined || onBeforeSend(bytes.slice()) === true;
  } catch (error) {
    logger('error', 'before-send-failed', `onBeforeSend failed (${firstLine(error)}), so the report was not sent.`);
    return false;
  }
}
