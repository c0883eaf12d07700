/** Types of browser-paths.mjs, which stays plain JavaScript because it runs before packages are installed. */
export const CHROMIUM_PATHS: readonly string[];
export const FIREFOX_PATHS: readonly string[];
export const WEBKIT_DRIVER_PATHS: readonly string[];
export const MINIBROWSER_PATHS: readonly string[];
export const XVFB_PATHS: readonly string[];
export function firstExisting(paths: readonly string[]): string | null;
export const ONNX_TESTDATA_PATHS: readonly string[];
export const ALERTMANAGER_PATHS: readonly string[];
