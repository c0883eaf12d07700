/**
 * Start: packages, build, then the collector in this very process.
 *
 * Why in this process: a terminal sends Ctrl+C to a whole process group, and a launcher that forwards it would send it
 * twice. For the same reason package.json says `exec`: the shell that npm starts would keep a signal to itself, and the
 * server would outlive `npm start`. cmd.exe has no such word; it looks for commands in the current folder first, so the
 * script steps into scripts/, where exec.cmd lies.
 *
 * Invariants
 *  - Data lies in `.insitu/`, which git ignores, unless `--data` says otherwise.
 *  - Options go to the collector as they are; PORT and HOST are read where no option is given.
 *
 * Not here: the server, its errors and its signals (cli/insitu.ts, collector/).
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isBuildFresh } from './freshness.mjs';
import { ensurePackages, root } from './packages.mjs';

function prepare() {
  if (!ensurePackages()) return false;
  if (isBuildFresh()) return true;
  process.stdout.write('Building …\n');
  const built = spawnSync(process.execPath, [join(root, 'scripts/build.mjs')], { cwd: root, stdio: 'inherit' });
  if (built.status === 0) return true;
  process.stderr.write('The build failed; what is wrong stands above. Nothing was started.\n');
  return false;
}

/** @param {string[]} given @param {string} name @param {string | undefined} value @returns {string[]} */
const unlessGiven = (given, name, value) =>
  value === undefined || value === '' || given.some((arg) => arg.split('=')[0] === name) ? [] : [name, value];

if (prepare()) {
  process.chdir(root);
  const given = process.argv.slice(2);
  const defaults = [
    ...unlessGiven(given, '--port', process.env.PORT),
    ...unlessGiven(given, '--host', process.env.HOST),
    ...unlessGiven(given, '--data', '.insitu'),
    ...unlessGiven(given, '--models', 'models'),
  ];
  const cli = join(root, 'dist/node/cli.js');
  process.argv = [process.argv[0], cli, 'collector', ...defaults, ...given];
  await import(pathToFileURL(cli).href);
} else {
  process.exitCode = 1;
}
