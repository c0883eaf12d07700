/**
 * Refuses a Node that is too old, in one sentence, before anything else is read.
 *
 * Why a file of its own: the entries import it first and load the rest dynamically, so an old Node never meets syntax
 * that it cannot parse. Written in syntax of 2015 for the same reason.
 *
 * Invariants
 *  - The floor is the one of package.json's `engines` (tidy.test.ts compares them).
 */
var NODE_MAJOR_MIN = 20;
var NODE_MINOR_MIN = 19;
var version = process.versions.node.split('.').map(Number);

if (version[0] < NODE_MAJOR_MIN || (version[0] === NODE_MAJOR_MIN && version[1] < NODE_MINOR_MIN)) {
  process.stderr.write(
    'Insitu needs Node ' +
      NODE_MAJOR_MIN +
      '.' +
      NODE_MINOR_MIN +
      ' or newer; this is ' +
      process.versions.node +
      '. Install a current one from https://nodejs.org and run the command again.\n',
  );
  process.exit(1);
}
