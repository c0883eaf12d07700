/**
 * The command line: finds the command in the table, answers for help and version itself, and lets the command run.
 *
 * Invariants
 *  - `insitu help pack` and `insitu pack --help` print the same for every command, whatever stands beside `--help`.
 *
 * Not here: ending the process (cli/terminal/exit.ts), what a command does (cli/commands/).
 */

import { nearestWord } from '../protocol/nearest-word.ts';
import { COMMANDS, type CommandModule } from './command-table.ts';
import { UsageError } from './terminal/command-error.ts';

declare const __RELEASE__: string;

const HELP = ['help', '--help', '-h'];
const VERSION = ['--version', '-v'];

/** @param args What stands behind `insitu`. */
export async function runCommandLine(args: readonly string[]): Promise<void> {
  const [name = 'help', ...rest] = args;
  if (HELP.includes(name)) return printHelp(rest);
  if (VERSION.includes(name)) return print(`${__RELEASE__}\n`);
  const { usage, run } = await loadCommand(name);
  if (asksForHelp(rest)) return print(usage);
  return run(rest);
}

async function printHelp([name, ...more]: readonly string[]): Promise<void> {
  if (more.length > 0) throw new UsageError('Name one command: insitu help COMMAND.');
  print(name === undefined || HELP.includes(name) ? overview() : (await loadCommand(name)).usage);
}

/** @throws {UsageError} when there is no such command. */
async function loadCommand(name: string): Promise<CommandModule> {
  const row = COMMANDS.find((each) => each.name === name);
  if (row !== undefined) return row.load();
  const meant = nearestWord(name, [...COMMANDS.map((each) => each.name), ...HELP, ...VERSION]);
  const question = meant === null ? '' : ` Did you mean insitu ${meant}?`;
  throw new UsageError(`There is no command "${name}".${question} See insitu --help.`);
}

/** What stands behind `--` is a name, whatever it looks like. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end === -1 ? args.length : end).some((arg) => arg === '--help' || arg === '-h');
}

function overview(): string {
  const width = Math.max(...COMMANDS.map(({ name }) => name.length));
  return `insitu ${__RELEASE__}

${COMMANDS.map(({ name, summary }) => `  insitu ${name.padEnd(width)}    ${summary}`).join('\n')}

  insitu help COMMAND or insitu COMMAND --help prints a command's options; insitu --version prints ${__RELEASE__}.
  Exit 2: the command line has to be corrected; exit 1: the work could not be done.
`;
}

function print(text: string): void {
  process.stdout.write(text);
}
