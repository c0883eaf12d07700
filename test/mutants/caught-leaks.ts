/**
 * Trial of a leak: builds our library with it and says what gave it away.
 *
 * Invariants
 *  - Without a leak no check raises an alarm (NO_LEAKS): else being caught would mean nothing.
 *  - A hunt has caught a leak when it has found the very secret that the leak gives away.
 *  - A library that does not work is not one that was caught: the hunt fails when nothing was counted or no report left.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, launch } from '../harness/browsers.ts';
import { HUNT_PARTS, type Hunt, HuntGround } from '../harness/canary-hunt.ts';
import type { Differences } from './egress.ts';
import type { Leak } from './leak.ts';
import { bundled, type Edit, Library } from './library.ts';

const EGRESS = 'test/mutants/egress.ts';
const IMAGE = Array.from({ length: 64 }, (_, at) => ((at * 5) % 17) * 0.9);
/** Another input and another output of the same cells. */
const NEAR_IMAGE = IMAGE.map((value, at) => (at === 12 ? value + 0.000_9 : value));

/** The sources as they are, in front of every check. */
export const NO_LEAKS: readonly Leak[] = (['inputs', 'moments', 'page counts', 'hunt'] as const).map((check) => ({
  name: `no leak, ${check}`,
  check,
  edits: [],
  secret: null,
  parts: HUNT_PARTS,
  isDaily: true,
}));

export class LeakTrial {
  private readonly ground: HuntGround;
  private readonly browser: Browser;
  private readonly library: Library;

  private constructor(ground: HuntGround, browser: Browser, library: Library) {
    this.ground = ground;
    this.browser = browser;
    this.library = library;
  }

  static async open(): Promise<LeakTrial> {
    const [ground, browser, library] = await Promise.all([HuntGround.open(), launch('chromium'), Library.build()]);
    return new LeakTrial(ground, browser, library);
  }

  async close(): Promise<void> {
    await Promise.all([this.browser.close(), this.ground.close()]);
  }

  /** What gave the leak away to the check that is named for it; null when nothing did. */
  async evidence({ check, edits, parts, secret }: Leak): Promise<string | null> {
    if (check === 'inputs' || check === 'moments') return difference(check, edits);
    const files = edits.length === 0 ? this.library.files : await this.library.with(edits);
    if (check === 'hunt') return trace(await this.ground.hunt(this.browser, files, parts), secret);
    const [first, second] = await this.ground.countsOf(this.browser, [IMAGE, NEAR_IMAGE], files);
    if (first === undefined || first === '') throw new Error('no counts left the page');
    return first === second ? null : 'two inputs of the same cells left different counts';
  }
}

async function difference(check: 'inputs' | 'moments', edits: readonly Edit[]): Promise<string | null> {
  const folder = mkdtempSync(join(tmpdir(), 'insitu-egress-'));
  try {
    const file = join(folder, 'egress.mjs');
    writeFileSync(file, (await bundled(EGRESS, edits, 'node')).code);
    const egress = (await import(pathToFileURL(file).href)) as { differences: () => Promise<Differences> };
    const found = await egress.differences();
    if (found.lineCount === 0) throw new Error('nothing left');
    return found[check] ? `different bytes for two ${check} that the report must not tell apart` : null;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The find of the very secret that must leak; without one, what else is wrong. */
function trace({ finds, strays, oddPlaces, outcomes, reportCount }: Hunt, secret: string | null): string | null {
  const [find] = finds.filter(({ canary }) => secret !== null && canary.startsWith(secret));
  if (find !== undefined) return `${find.canary} as ${find.encoding} in ${find.where}`;
  if (secret !== null) return null;
  if (finds.length > 0) return `${finds[0]?.canary} in ${finds[0]?.where}`;
  if (strays.length > 0) return `a request to ${strays[0]}`;
  if (oddPlaces.length > 0) return `something in ${oddPlaces[0]}`;
  if (outcomes['lines during 20 runs'] !== '0') return 'lines on a console during runs that went well';
  if (outcomes['good runs'] !== 'done' || reportCount === 0) throw new Error(`the hunt did not work: ${JSON.stringify(outcomes)}`);
  return null;
}
