/**
 * The `insitu` command.
 *
 * Invariants
 *  - What a person can put right costs one sentence and no stack trace. Exit 2: the command line; exit 1: the surroundings.
 *  - Commands are imported when they are asked for, so the oldest Node gets as far as the sentence about its age.
 *
 * Not here: the commands (cli/command-table.ts), help and version (cli/command-line.ts).
 */
import { runCommandLine } from './command-line.ts';
import { CommandError } from './terminal/command-error.ts';
import { fail } from './terminal/exit.ts';

/** DuckDB's and the web server's floor; package.json's `engines` says the same. */
const NODE_VERSION_MIN: readonly [number, number] = [20, 19];

function requireNode(version: string): void {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [majorMin, minorMin] = NODE_VERSION_MIN;
  if (major > majorMin || (major === majorMin && minor >= minorMin)) return;
  throw new CommandError(`insitu needs Node ${majorMin}.${minorMin} or newer; this is ${version}. Install a current one from nodejs.org.`);
}

async function main(): Promise<void> {
  requireNode(process.versions.node);
  await runCommandLine(process.argv.slice(2));
}

main().catch(fail);
