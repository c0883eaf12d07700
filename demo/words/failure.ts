/**
 * Failures: a sentence beside the control that it is about, and none any more once that control has done its work.
 *
 * Invariants
 *  - Every error ends in a sentence; one of the library carries its code, which a reader can look up.
 */
import { isSdkError } from '../../sdk/index.ts';
import { byId } from '../../site/element.ts';

export function sentenceOf(error: unknown): string {
  if (isSdkError(error)) return `${error.message} (${error.code})`;
  return error instanceof Error ? error.message : String(error);
}

/** @param id Of an element with the role alert. @param error null: all is well, and what was said before no longer holds. */
export function showFailure(id: string, error: unknown): void {
  const place = byId(id);
  place.hidden = error === null;
  place.textContent = error === null ? '' : sentenceOf(error);
}
