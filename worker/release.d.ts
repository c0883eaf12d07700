/** package.json's version, put in by scripts/build.mjs and vitest.config.ts. */
declare const __RELEASE__: string;
