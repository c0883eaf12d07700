/**
 * Media that are ready to travel: the message's part, what is transferred with it, and what is closed afterwards.
 */
export interface ReadyMedia<W> {
  readonly wire: W;
  readonly transfers: readonly Transferable[];
}
