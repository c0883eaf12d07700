/**
 * The application's veto on a request, of page and service worker alike.
 */
import { firstLine } from '../protocol/errors.ts';
import type { ClientOptions, Logger } from './options.ts';

/** A veto that fails is a veto: what the application could not look at does not leave. */
export function mayLeave(onBeforeSend: ClientOptions['onBeforeSend'], bytes: Uint8Array, logger: Logger): boolean {
  try {
    return onBeforeSend === undefined || onBeforeSend(bytes.slice());
  } catch (error) {
    logger('error', 'before-send-failed', `onBeforeSend failed (${firstLine(error)}), so the report was not sent.`);
    return false;
  }
}
