/**
 * The owner's key in this browser: where it is kept, how it comes in, and that it goes again.
 *
 * Why Web Storage and no cookie: a cookie would be sent by itself with every request, also one that another site makes.
 *
 * Invariants
 *  - It is kept for this tab; on this machine only when a person has said so. Signing out removes both.
 *  - It is in no address that is sent: a link may bring it behind `#key=`, and it is taken out of the address at once.
 *  - A key that was refused is forgotten, and no other with it: a link with a wrong key takes nobody's kept one away.
 *
 * Not here: what is asked with it (owner-api.ts).
 */

/** docs/privacy.md lists it. */
const KEY = 'insitu-admin-key';
/** Keys that a collector makes have 48 letters; nobody types more. */
const KEY_LENGTH_MAX = 1_024;

const listeners = new Set<() => void>();
let current: string | null = recalled();
let wasRefused = false;

export const ownerKey = {
  get value(): string | null {
    return current;
  },
  get isKept(): boolean {
    return current !== null && read(() => localStorage) === current;
  },
  /** @param isKept On this machine, and not in this tab alone. */
  set(key: string, isKept: boolean): void {
    forget();
    wasRefused = false;
    write(isKept ? () => localStorage : () => sessionStorage, key);
    change(key);
  },
  /** The collector does not take that key: the next one that is known has its turn. */
  refuse(key: string): void {
    forget(key);
    wasRefused = true;
    change(recalled());
  },
  /** Whether the last key that was tried is gone because it was refused. */
  get wasRefused(): boolean {
    return wasRefused;
  },
  signOut(): void {
    forget();
    wasRefused = false;
    change(null);
  },
  whenChanged(listener: () => void): void {
    listeners.add(listener);
  },
};

/** What a request header can hold: no space, and nothing beyond ASCII. */
export function isUsableKey(text: string): boolean {
  return text.length <= KEY_LENGTH_MAX && /^[\x21-\x7e]+$/.test(text);
}

/** Takes the key out of the address, where a link has brought one: `#key=KEY`, or `#key=KEY#/incidents` for a page behind it. */
export function takeKeyFromAddress(): void {
  const found = /^#key=([^#]*)(#.*)?$/s.exec(location.hash);
  if (found === null) return;
  const [, given = '', rest = '#/'] = found;
  history.replaceState(null, '', rest);
  const key = decoded(given);
  if (!isUsableKey(key)) return;
  write(() => sessionStorage, key);
  wasRefused = false;
  change(key);
}

// Signed in or out in another tab, where it is kept on this machine.
addEventListener('storage', ({ key, newValue, storageArea }) => {
  if (storageArea === read(() => localStorage, true) && (key === KEY || key === null)) change(newValue ?? read(() => sessionStorage));
});

function change(key: string | null): void {
  if (key === current) return;
  current = key;
  for (const listener of listeners) listener();
}

function recalled(): string | null {
  return read(() => sessionStorage) ?? read(() => localStorage);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** null where the browser refuses Web Storage. */
function read(storage: () => Storage): string | null;
function read(storage: () => Storage, isItself: true): Storage | null;
function read(storage: () => Storage, isItself?: true): string | Storage | null {
  try {
    return isItself ? storage() : storage().getItem(KEY);
  } catch {
    return null;
  }
}

function write(storage: () => Storage, key: string): void {
  try {
    storage().setItem(KEY, key);
  } catch {
    // Refused: the key holds until the page is left.
  }
}

/** @param key Only where it is that one; without it whatever is kept. */
function forget(key?: string): void {
  for (const storage of [() => sessionStorage, () => localStorage]) {
    try {
      if (key === undefined || storage().getItem(KEY) === key) storage().removeItem(KEY);
    } catch {
      // Refused: nothing is kept.
    }
  }
}
