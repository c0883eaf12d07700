/**
 * Downloads of a model: what to fetch of it, and the record under which the store will keep it.
 */
import { filesWithPreprocess, type ManifestVariant } from '../../protocol/manifest/manifest.ts';
import type { ModelDownload } from '../download/fetch-files.ts';
import type { StoreEntry } from '../store/store-database.ts';
import type { FileFacts } from './file-facts.ts';
import type { OpenManifest } from './manifest-source.ts';
import type { ModelAddress } from './model-address.ts';

/** Variant id of a plain file, which has only one. */
export const PLAIN = 'onnx';

export function variantDownload(opened: OpenManifest, variant: ManifestVariant, isUrgent = true): ModelDownload {
  const { name, version } = opened.manifest;
  const { key: url, url: baseUrl, ignoreQuery } = opened.address;
  const chunks = filesWithPreprocess(opened.manifest.inputs, variant).flatMap((file) => file.chunks);
  const { text: manifestText, signature } = opened;
  return {
    url,
    baseUrl,
    isUrgent,
    partial: { key: `${url} ${variant.id}`, url, ignoreQuery, name, version, variant: variant.id, chunks, startedAtMs: Date.now() },
    entry: () => ({
      ...stamp(url),
      ...{ ignoreQuery, name, version, manifestText, signature, validator: null, fileSha256: null },
      files: { [variant.id]: chunks },
    }),
  };
}

export function plainDownload(
  { key: url, url: baseUrl, ignoreQuery }: ModelAddress,
  facts: FileFacts,
  validator: string | null,
): ModelDownload {
  const { name, sha256 } = facts;
  const version = sha256.slice(0, 12);
  const chunks = [facts, ...facts.external].flatMap((file) => file.chunks);
  const external = facts.external.map(({ path, bytes, sha256: hash }) => ({ path, bytes, sha256: hash }));
  return {
    url,
    baseUrl,
    isUrgent: true,
    partial: { key: `${url} ${PLAIN}`, url, ignoreQuery, name, version, variant: PLAIN, chunks, startedAtMs: Date.now() },
    entry: () => ({
      ...stamp(url),
      ...{ ignoreQuery, name, version, manifestText: null, signature: null, validator, fileSha256: sha256, external },
      files: { [PLAIN]: chunks },
    }),
  };
}

function stamp(url: string): Pick<StoreEntry, 'url' | 'isPinned' | 'storedAtMs' | 'usedAtMs'> {
  return { url, isPinned: false, storedAtMs: Date.now(), usedAtMs: Date.now() };
}
