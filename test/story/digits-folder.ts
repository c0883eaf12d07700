/**
 * The folder of models that a story's collector serves: the demo's digits model, with a manifest of the story's own and a baseline made by
 * `insitu baseline`.
 *
 * Why a manifest of its own: it declares a range with room on both sides, so that no value is clipped. Then a digit whose ink and paper have
 * changed places is brighter, and all else that is counted of an image is as it was: which input moved is beyond doubt.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkManifest, type Manifest } from '../../protocol/manifest/manifest.ts';
import { guardedFolder } from '../harness/guardian.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
/** The digits have 0 to 16. */
const RANGE = [-2, 18];

export class DigitsFolder {
  /** What is served at /models/. */
  readonly models: string;
  /** Of the digits model, with a slash at its end. */
  readonly path: string;
  readonly manifest: Manifest;

  private constructor(models: string, path: string, manifest: Manifest) {
    this.models = models;
    this.path = path;
    this.manifest = manifest;
  }

  static make(): DigitsFolder {
    const models = guardedFolder('models');
    const path = join(models, 'digits', '/');
    cpSync(join(ROOT, 'models/digits'), path, { recursive: true });
    const manifest = JSON.parse(readFileSync(`${path}model.json`, 'utf8')) as { inputs: object[] };
    const [image, ...others] = manifest.inputs;
    const text = JSON.stringify({ ...manifest, version: '1.0.0-story', inputs: [{ ...image, range: RANGE }, ...others] });
    writeFileSync(`${path}model.json`, text);
    const checked = checkManifest(JSON.parse(text));
    if (!checked.ok) throw new Error(checked.reason);
    execFileSync(process.execPath, [join(ROOT, 'dist/node/cli.js'), 'baseline', path], { stdio: ['ignore', 'ignore', 'inherit'] });
    return new DigitsFolder(models, path, checked.manifest);
  }
}
