/**
 * Foreign prototypes: what keeps names and texts our own in a page whose libraries have written on the prototypes of the language.
 *
 * Why: `Array.prototype.toJSON` (Prototype) changes what `JSON.stringify` gives, and with it the hash that names a plan. An enumerable
 * `Object.prototype` (older frameworks) makes every object have fields that nobody declared, and a schema refuses those. Pages that observe
 * a model count in the page's own realm, so both reach us; the worker has a realm of its own.
 *
 * Invariants
 *  - Where no library has done either, nothing is changed and nothing is gone through.
 */

/** `JSON.stringify` of arrays, strings, numbers, booleans and null, whatever `toJSON` says. */
export function plainJson(value: unknown): string {
  if (!Array.isArray(value)) return JSON.stringify(value);
  let text = '[';
  for (let index = 0; index < value.length; index++) text += (index === 0 ? '' : ',') + plainJson(value[index]);
  return `${text}]`;
}

/** Whether every object of this realm has names that nobody gave it. */
export function hasForeignNames(): boolean {
  for (const _ in {}) return true;
  return false;
}

/** Takes what they inherit from all plain objects in there, in place: they keep the names that they were given. */
export function withOwnNames(value: unknown, seen = new Set<unknown>()): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (Object.getPrototypeOf(value) === Object.prototype) Object.setPrototypeOf(value, null);
  for (const field of Object.values(value)) withOwnNames(field, seen);
}
