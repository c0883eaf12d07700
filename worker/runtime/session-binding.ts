/**
 * Session binding: the runtime's own note that a session's inputs and outputs are bound, put right after a run that failed.
 *
 * Why: a session that keeps outputs on the GPU has its inputs and outputs bound before each run. When that run fails, the note stays, and
 * the runtime takes the feeds of that run for those of every later one. A run that succeeds resets the note; here a failed one does, too.
 *
 * Invariants
 *  - Changes this realm only, which is ours alone, and only while such a session is created: one at a time (worker/queue/run-queue.ts).
 *  - A note that is not as this release of the runtime keeps it is left alone: the session is given up after a failed run then.
 *
 * Source: onnxruntime-web 1.30 lib/wasm/wasm-core-impl.ts: `activeSessions`, `SessionMetadata`, `inputOutputBound`.
 */

/** Session, names of inputs and of outputs, binding, graph capture, and whether inputs and outputs are bound. */
type Note = readonly [unknown, unknown, unknown, { readonly outputPreferredLocations: unknown }, unknown, boolean];

export class SessionBinding {
  private readonly notes: Map<unknown, unknown>;
  private readonly key: unknown;

  constructor(notes: Map<unknown, unknown>, key: unknown) {
    this.notes = notes;
    this.key = key;
  }

  /** To be called after a run that failed, while none is in flight: the next one binds its own feeds. False when that cannot be done. */
  reset(): boolean {
    const note = this.notes.get(this.key);
    if (!isNote(note)) return false;
    this.notes.set(this.key, [...note.slice(0, -1), false]);
    return true;
  }
}

/** Creates a session that keeps outputs on the GPU. The binding is null where the runtime was not seen to note one. */
export async function createBound<T>(create: () => Promise<T>): Promise<{ readonly session: T; readonly binding: SessionBinding | null }> {
  const { set } = Map.prototype;
  let binding: SessionBinding | null = null;
  Map.prototype.set = function setSeen(this: Map<unknown, unknown>, key: unknown, value: unknown) {
    if (isNote(value)) binding = new SessionBinding(this, key);
    return set.call(this, key, value);
  };
  try {
    return { session: await create(), binding };
  } finally {
    Map.prototype.set = set;
  }
}

function isNote(value: unknown): value is Note {
  if (!Array.isArray(value) || value.length !== 6 || typeof value[5] !== 'boolean') return false;
  return typeof value[3] === 'object' && value[3] !== null && 'outputPreferredLocations' in value[3];
}
