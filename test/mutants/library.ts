/**
 * Mutated library: our own sources with a leak written into them, built as scripts/build.mjs builds them.
 *
 * Invariants
 *  - The text that an edit replaces stands in its file exactly once; otherwise the mutant is stale and says so.
 *  - The working tree is not touched: files are changed on their way into the bundler.
 *  - Only the files of the library that the mutated source is part of are built again.
 *
 * Not here: the mutants (secret-leaks.ts, value-leaks.ts).
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';
import { definitions } from '../../scripts/definitions.mjs';
import type { LibraryFiles } from '../harness/canary-hunt.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ENTRIES: Readonly<Record<string, string>> = {
  'insitu.js': 'sdk/index.ts',
  'insitu.delivery.js': 'sdk/delivery/delivery.ts',
  'insitu.counts.js': 'sdk/counting/entry.ts',
  'insitu.worker.js': 'worker/inference-worker.ts',
};

export interface Edit {
  /** From the repository's root. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** How often the text stands in its file; 1 for an edit that is not stale. */
export function matchCount({ file, find }: Edit): number {
  return readFileSync(ROOT + file, 'utf8').split(find).length - 1;
}

/** One entry, bundled with these edits; `modules` are the sources in it. */
export async function bundled(entry: string, edits: readonly Edit[], platform: 'browser' | 'node'): Promise<Bundle> {
  const build = await rolldown({
    input: ROOT + entry,
    platform,
    treeshake: true,
    transform: { define: definitions },
    plugins: [editing(edits)],
    logLevel: 'silent',
  });
  const { output } = await build.generate({ format: 'esm', minify: true, codeSplitting: false });
  await build.close();
  const [{ code, moduleIds }] = output;
  return { code, modules: moduleIds.filter((id) => id.startsWith(ROOT)).map((id) => id.slice(ROOT.length)) };
}

export interface Bundle {
  readonly code: string;
  readonly modules: readonly string[];
}

function editing(edits: readonly Edit[]): Plugin {
  return {
    name: 'edits',
    load(id) {
      const mine = edits.filter(({ file }) => id === ROOT + file);
      if (mine.length === 0) return null;
      const code = mine.reduce((text, { find, replace }) => text.replace(find, () => replace), readFileSync(id, 'utf8'));
      return { code, moduleType: 'ts' };
    },
  };
}

/** The library without a leak, built once, and how to put one in. */
export class Library {
  readonly files: LibraryFiles;
  private readonly bundles: ReadonlyMap<string, Bundle>;

  private constructor(bundles: ReadonlyMap<string, Bundle>) {
    this.bundles = bundles;
    this.files = Object.fromEntries([...bundles].map(([name, { code }]) => [name, code]));
  }

  static async build(): Promise<Library> {
    const bundles = Object.entries(ENTRIES).map(async ([name, entry]) => [name, await bundled(entry, [], 'browser')] as const);
    return new Library(new Map(await Promise.all(bundles)));
  }

  async with(edits: readonly Edit[]): Promise<LibraryFiles> {
    const touched = [...this.bundles].filter(([, { modules }]) => edits.some(({ file }) => modules.includes(file)));
    if (touched.length === 0) throw new Error(`${edits.map(({ file }) => file).join(', ')} is in no file of the library`);
    const built = touched.map(async ([name]) => [name, (await bundled(ENTRIES[name] as string, edits, 'browser')).code] as const);
    return { ...this.files, ...Object.fromEntries(await Promise.all(built)) };
  }
}
