/**
 * Asset fault: why one of insitu's own scripts did not start, and what to do about it, as the server's answer tells.
 *
 * Why asked at all: a browser tells a page nothing of a module or a worker that it refuses, and each cause has its own cure.
 *
 * Not here: asking, which each realm does for itself (sdk/assets/ask-asset.ts, worker/runtime/session.ts), for it is their network.
 */
import type { ErrorDetails } from '../errors.ts';

export type AssetFault = Omit<ErrorDetails['asset-unreachable'], 'asset'>;

interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

/** What a browser runs as a module (HTML standard, "JavaScript MIME type"). */
const SCRIPT = /^(text|application)\/(x-)?(java|ecma)script/i;

/**
 * @param url Of the file.
 * @param asking The file, asked for once more.
 * @param said What the browser did say.
 * @param isSandboxed The asker has an origin of its own, as a frame without allow-same-origin has.
 * @returns Never rejects.
 */
export async function assetFault(url: string, asking: Promise<Answer>, said: string, isSandboxed: boolean): Promise<AssetFault> {
  try {
    const advice = 'The file is there: allow it in the Content-Security-Policy, by worker-src and script-src.';
    return answerFault(await asking, url) ?? { reason: said || 'refused', advice };
  } catch {
    const advice = isSandboxed
      ? "Add allow-same-origin to this frame's sandbox, or serve insitu's files with Access-Control-Allow-Origin: *."
      : 'Check the address, connect-src and worker-src of the Content-Security-Policy and, from another origin, CORS headers.';
    return { reason: said || 'no answer', advice };
  }
}

/** Where Vite keeps dependencies that it has bundled beforehand, without the files that lie beside them; and Nuxt's Vite. */
const PREBUNDLED = /\/\.(cache\/)?vite\/(client\/)?deps\//;
const PREBUNDLED_ADVICE =
  "Vite has bundled insitu without its other files: set optimizeDeps: { exclude: ['insitu'] } in its configuration.";

/** Null when nothing is wrong with the answer. */
function answerFault({ ok, status, headers }: Answer, url: string): AssetFault | null {
  const cure = PREBUNDLED.test(url) ? { advice: PREBUNDLED_ADVICE } : {};
  if (!ok) return { reason: `HTTP ${status}`, ...cure };
  const type = (headers.get('content-type') ?? 'nothing').slice(0, 60);
  if (SCRIPT.test(type)) return null;
  if (type.startsWith('text/html')) return { reason: 'the server answered with a web page', ...cure };
  return { reason: `served as ${type}`, advice: 'Have the server name it text/javascript; many do not know .mjs.' };
}
