/**
 * Asset fault: why one of insitu's own scripts did not start, and what to do about it, as the server's answer tells.
 *
 * Why asked at all: a browser tells a page nothing of a module or a worker that it refuses, and each cause has its own cure.
 *
 * Not here: asking, which each realm does for itself (sdk/assets/ask-asset.ts, worker/runtime/session.ts), for it is their network.
 */
import type { ErrorDetails } from './errors.ts';

export type AssetFault = Omit<ErrorDetails['asset-unreachable'], 'asset'>;

interface Answer {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

/** What a browser runs as a module (HTML standard, "JavaScript MIME type"). */
const SCRIPT = /^(text|application)\/(x-)?(java|ecma)script/i;

/**
 * @param asking The file, asked for once more.
 * @param said What the browser did say.
 * @param isSandboxed The asker has an origin of its own, as a frame without allow-same-origin has.
 * @returns Never rejects.
 */
export async function assetFault(asking: Promise<Answer>, said: string, isSandboxed: boolean): Promise<AssetFault> {
  try {
    const advice = 'The file is there: allow it in the Content-Security-Policy, by worker-src and script-src.';
    return answerFault(await asking) ?? { reason: said || 'refused', advice };
  } catch {
    const advice = isSandboxed
      ? "Add allow-same-origin to this frame's sandbox, or serve insitu's files with Access-Control-Allow-Origin: *."
      : 'Check the address, connect-src and worker-src of the Content-Security-Policy and, from another origin, CORS headers.';
    return { reason: said || 'no answer', advice };
  }
}

/** Null when nothing is wrong with the answer. */
function answerFault({ ok, status, headers }: Answer): AssetFault | null {
  if (!ok) return { reason: `HTTP ${status}` };
  const type = (headers.get('content-type') ?? 'nothing').slice(0, 60);
  if (SCRIPT.test(type)) return null;
  if (type.startsWith('text/html')) return { reason: 'the server answered with a web page' };
  return { reason: `served as ${type}`, advice: 'Have the server name it text/javascript; many do not know .mjs.' };
}
