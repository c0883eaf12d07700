/**
 * Picked file: which of what a person dropped or chose is the model, or a sentence that says what to drop instead.
 *
 * Not here: whether the file is a model (the library reads it and says so).
 */

/** What was dropped or chosen, as the page can tell. */
export interface Offered {
  readonly files: readonly File[];
  /** Names of folders among it. */
  readonly folders: readonly string[];
}

/** To be read while the event is handled: afterwards the browser has forgotten it. */
export function offeredBy({ items, files }: DataTransfer): Offered {
  const folders = [...items].flatMap((item) => {
    const entry = item.kind === 'file' ? item.webkitGetAsEntry() : null;
    return entry?.isDirectory === true ? [entry.name] : [];
  });
  return { files: [...files].filter(({ name }) => !folders.includes(name)), folders };
}

/** The model's own file, and what else was dropped with it: its weights may lie there. */
interface Picked {
  readonly model: File;
  readonly beside: readonly File[];
}

/** @returns The model, or a sentence. */
export function pickedFile({ files, folders }: Offered): Picked | string {
  const models = files.filter(({ name }) => /\.onnx$/i.test(name));
  const [model] = models.length > 0 ? models : files;
  if (model === undefined) {
    return folders.length > 0
      ? `“${folders[0]}” is a folder. Open it and drop the .onnx file that lies in it.`
      : 'What was dropped is no file. Drop an .onnx file, or choose one.';
  }
  if (models.length > 1) return `${models.length} models at once: drop one .onnx file.`;
  if (models.length === 0 && files.length > 1) return `None of these ${files.length} files is called .onnx. Drop the model’s own file.`;
  return { model, beside: files.filter((file) => file !== model) };
}
