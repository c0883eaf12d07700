/**
 * The retrain hook of a story: `insitu retrain-watch`, the built command, with the script that trains (train.ts), bundled into one file.
 */
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import type { RetrainRequest } from '../../protocol/read/notification.ts';
import { guardedFolder, killGroup, removeFolder, spawnGuarded } from '../harness/guardian.ts';
import type { Trained } from './trained.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export class RetrainHook {
  readonly url: string;
  readonly modelFile: string;
  /** By it the hook's clock goes (moved-clock.cjs). */
  readonly aheadFile: string;
  private readonly child: ChildProcess;
  private readonly folder: string;
  private readonly printed: readonly string[];

  private constructor(of: {
    url: string;
    modelFile: string;
    aheadFile: string;
    child: ChildProcess;
    folder: string;
    printed: readonly string[];
  }) {
    this.url = of.url;
    this.modelFile = of.modelFile;
    this.aheadFile = of.aheadFile;
    this.child = of.child;
    this.folder = of.folder;
    this.printed = of.printed;
  }

  /** @param digits Folder of the digits model, with a slash at its end. */
  static async start(secret: string, digits: string): Promise<RetrainHook> {
    const folder = guardedFolder('retrain');
    const [script, modelFile] = [join(folder, 'train.mjs'), join(folder, 'digits.onnx')];
    const aheadFile = join(folder, 'ahead');
    writeFileSync(aheadFile, '0');
    const bundle = await rolldown({ input: `${ROOT}test/story/train.ts`, platform: 'node', logLevel: 'silent' });
    const { output } = await bundle.generate({ format: 'esm', codeSplitting: false });
    await bundle.close();
    writeFileSync(script, output[0].code);
    const exec = `"${process.execPath}" "${script}" --digits "${digits}" --out "${modelFile}"`;
    const clock = ['--require', `${ROOT}test/story/moved-clock.cjs`];
    const args = [
      ...clock,
      `${ROOT}dist/node/cli.js`,
      'retrain-watch',
      '--exec',
      exec,
      '--folder',
      join(folder, 'bundles'),
      '--port',
      '0',
      '--json',
    ];
    const child = spawnGuarded(process.execPath, args, {
      env: { ...process.env, INSITU_RETRAIN_SECRET: secret, STORY_AHEAD_FILE: aheadFile },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const printed: string[] = [];
    const ready = new Promise<string>((resolve, reject) => {
      child.stdout?.on('data', (bytes: Buffer) => {
        printed.push(bytes.toString());
        if (printed.join('').includes('\n')) resolve(printed.join(''));
      });
      child.once('exit', (code) => reject(new Error(`retrain-watch ended with ${code}`)));
    });
    const { url } = JSON.parse((await ready).split('\n')[0] as string) as { url: string };
    return new RetrainHook({ url, modelFile, aheadFile, child, folder, printed });
  }

  /** Idempotency keys whose command has ended, with its exit code. */
  get ended(): readonly { readonly key: string; readonly code: number | null }[] {
    return this.files('.done').map((name) => ({
      key: name.replace('.done', ''),
      code: (JSON.parse(readFileSync(join(this.folder, 'bundles', name), 'utf8')) as { code: number | null }).code,
    }));
  }

  /** Idempotency keys that were taken. */
  get taken(): readonly string[] {
    return this.files('.json').map((name) => name.replace('.json', ''));
  }

  bundle(key: string): RetrainRequest {
    return JSON.parse(readFileSync(join(this.folder, 'bundles', `${key}.json`), 'utf8')) as RetrainRequest;
  }

  /** What each run of the script said of itself. */
  get trained(): readonly Trained[] {
    const lines = this.printed.join('').split('\n');
    return lines.filter((line) => line.includes('"trained"')).map((line) => (JSON.parse(line) as { trained: Trained }).trained);
  }

  async close(): Promise<void> {
    if (this.child.pid !== undefined) await killGroup(this.child.pid, 'SIGTERM');
    removeFolder(this.folder);
  }

  private files(ending: string): string[] {
    return readdirSync(join(this.folder, 'bundles')).filter((name) => name.endsWith(ending));
  }
}
