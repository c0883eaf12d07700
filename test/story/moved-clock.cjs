/**
 * Preloaded into a process that goes by the clock of a story: `Date.now` is ahead of the system's by the milliseconds in a file, which the
 * story writes whenever it moves on.
 */
const { readFileSync } = require('node:fs');

const systemNow = Date.now;
Date.now = () => systemNow() + Number(readFileSync(process.env.STORY_AHEAD_FILE, 'utf8'));
