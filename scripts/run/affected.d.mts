/** Types of affected.mjs for its test. */
export function baseCommit(base: string | undefined, folder?: string): string | null;
export function changedFiles(commit: string, folder?: string): string[];
export function changedScripts(changed: readonly string[], texts: ReadonlyMap<string, string>): string[] | null;
export function scriptTexts(folder?: string): Map<string, string>;
