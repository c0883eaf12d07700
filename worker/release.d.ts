/** package.json's version, put in by scripts/build.mjs and vitest.config.ts. */
declare const __RELEASE__: string;
/** Version of onnxruntime-web that this release was built with. */
declare const __RUNTIME__: string;
/** Lengths of its binaries, by build. */
declare const __RUNTIME_BYTES__: Readonly<Record<'wasm' | 'webgpu' | 'jspi', number>>;
/** The id of the snapshot of the plain WASM build. */
declare const __SNAPSHOT__: string;
