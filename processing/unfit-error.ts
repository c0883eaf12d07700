/**
 * What was fed cannot be preprocessed as declared; the message is a reason that quotes no value of it.
 *
 * Why a class of its own: only these texts may leave the worker. A foreign error's text may quote the data it stumbled over.
 */
export class UnfitError extends Error {
  override readonly name = 'UnfitError';
}
