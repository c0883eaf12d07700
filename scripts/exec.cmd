@rem What exec is to a POSIX shell: `npm start` and `npm test` go through it in cmd.exe (scripts/run/start.mjs).
@%*
