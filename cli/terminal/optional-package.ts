/**
 * Optional packages: what some commands need and an application's build must not download.
 *
 * Invariants
 *  - A package that is not there costs one sentence, with the command that installs it.
 *  - The versions are those of package.json's `peerDependencies` (test/unit/cli/data.test.ts).
 */
import { CommandError } from './command-error.ts';

/** package.json's, put in by scripts/build.mjs and vitest.config.ts. */
declare const __DUCKDB__: string;

/** With its whole version, because each DuckDB release counts as a prerelease to npm and fits no range but its own number. */
export const DUCKDB_PACKAGE = `@duckdb/node-api@${__DUCKDB__}`;
export const SHARP_PACKAGE = 'sharp@0.35';

/** A package that is not installed; a missing file of our own is a damaged installation and keeps its stack. */
export function isMissingPackage(error: unknown): boolean {
  // sharp is there and its binary for this machine is not: installing it again is the answer too.
  return error instanceof Error && /^(Cannot find package|Could not load the "sharp" module)/.test(error.message);
}

/** @throws {CommandError} when the package is not there. */
export async function importOptional<T>(load: () => Promise<T>, reader: string, spec: string): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissingPackage(error)) throw error;
    throw new CommandError(`${reader} are read by a package of their own. Install it beside insitu: npm install ${spec}`);
  }
}
