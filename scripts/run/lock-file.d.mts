/** Types of lock-file.mjs for the tests. */
export interface Entry {
  readonly version?: string;
  readonly optional?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
}
export interface Platform {
  readonly os: string;
  readonly cpu: string;
  readonly libc: string | null;
}
export function isFor(entry: Entry, platform: Platform): boolean;
export function missingPackages(
  locked: Readonly<Record<string, Entry>>,
  installed: Readonly<Record<string, Entry>>,
  platform: Platform,
): string[];
