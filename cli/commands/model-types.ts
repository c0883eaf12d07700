/**
 * `insitu types`: a manifest's inputs and outputs as TypeScript, so that a wrong name, type or number of axes does not compile.
 *
 * Invariants
 *  - What is printed needs no import and compiles under the strictest settings.
 *  - Tuples of dims name every axis: fixed lengths are literals, named axes are `number`.
 *
 * Not here: the check at run time, which every feed passes anyway (sdk/feeds/feeds.ts).
 */
import { stat } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import type { Manifest } from '../../protocol/manifest/manifest.ts';
import { hasAnyAxes } from '../../protocol/tensors/dims.ts';
import { TENSOR_ARRAYS } from '../../protocol/tensors/tensor-data.ts';
import type { TensorType } from '../../protocol/tensors/tensors.ts';
import { openModelFolder } from '../folder/model-folder.ts';
import { onlyName, readArguments, seeHelp } from '../terminal/arguments.ts';
import { CommandError, UsageError } from '../terminal/command-error.ts';

export const usage = `insitu types FOLDER|model.json [--name NAME]

Prints the TypeScript interface of a model, for client.load<NAME>(…): names, array types and dims of inputs and outputs, labels.

  --name NAME    default: the model's name and "Model", for example DigitsModel
`;

export async function run(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments('types', args, { name: { type: 'string' } });
  const path = onlyName('types', positionals, 'Name one model folder or its model.json.');
  const isFolder = (await stat(path).catch(() => null))?.isDirectory() === true;
  if (!isFolder && basename(path) !== 'model.json' && basename(path) !== 'observe.json')
    throw new CommandError(`${path} is no folder and no model.json. ${seeHelp('types')}`);
  const { manifest } = await openModelFolder(isFolder ? path : dirname(path));
  const name = values.name ?? `${pascalCase(manifest.name)}Model`;
  if (!/^[A-Za-z_$][\w$]*$/.test(name)) throw new UsageError(`--name is the name of an interface, not "${name}".`);
  process.stdout.write(modelTypes(manifest, name));
}

type Tensor = Manifest['inputs'][number] | Manifest['outputs'][number];

/** Text of the interface, and of one union for each list of labels. */
function modelTypes(manifest: Manifest, name: string): string {
  const feeds = manifest.inputs.map((input) =>
    property(input, `data: ${arrayOf(input.type)} | ${input.type === 'string' ? 'readonly string[]' : 'readonly number[]'}`, true),
  );
  const outputs = manifest.outputs.map((output) => property(output, `data: ${arrayOf(output.type)}`, false));
  const labels = manifest.outputs.flatMap((output) =>
    output.labels === undefined || output.labels.length === 0
      ? []
      : [labelType(`${name}${pascalCase(output.name)}Label`, output.name, output.labels)],
  );
  return `${[
    `/** Model "${commentText(manifest.name)}", made by \`insitu types\`. Make it again when an input or output changes. */`,
    `export interface ${name} {`,
    '  readonly feeds: {',
    ...feeds,
    '  };',
    '  readonly outputs: {',
    ...outputs,
    '  };',
    '}',
    ...labels,
  ].join('\n')}\n`;
}

function property({ name, type, dims, kind }: Tensor, data: string, isFeed: boolean): string {
  const axes = dims.map((axis, index) => (typeof axis === 'number' ? `axis${index}: ${axis}` : `${label(axis, index)}: number`));
  const fields = [
    `readonly ${data.replace(' | readonly string[]', '')}`,
    hasAnyAxes(dims) ? 'readonly dims: readonly number[]' : `readonly dims: readonly [${unique(axes).join(', ')}]`,
    `readonly type${isFeed ? '?' : ''}: '${type}'`,
  ];
  return `    /** ${type} [${dims.map((axis) => commentText(String(axis))).join(', ')}], ${kind} */\n    readonly ${key(name)}: { ${fields.join('; ')} };`;
}

/** Labels of a tuple may repeat nowhere. */
function unique(axes: readonly string[]): string[] {
  const names = axes.map((axis) => axis.split(':', 1)[0] as string);
  return axes.map((axis, index) => (names.indexOf(names[index] as string) === index ? axis : axis.replace(/^[^:]+/, `axis${index}`)));
}

function label(axis: string, index: number): string {
  return /^[A-Za-z_$][\w$]*$/.test(axis) ? axis : `axis${index}`;
}

function key(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

function arrayOf(type: TensorType): string {
  return type === 'string' ? 'readonly string[]' : TENSOR_ARRAYS[type].name;
}

function labelType(typeName: string, output: string, labels: readonly string[]): string {
  const union = [...new Set(labels)].map((each) => JSON.stringify(each)).join(' | ');
  return `\n/** Classes of "${commentText(output)}", in score order. */\nexport const ${typeName[0]?.toLowerCase()}${typeName.slice(1)}s = ${JSON.stringify(labels)} as const;\nexport type ${typeName} = ${union};`;
}

function pascalCase(text: string): string {
  const words = text.split(/[^A-Za-z0-9]+/).filter((word) => word !== '');
  const joined = words.map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`).join('');
  return /^\d/.test(joined) || joined === '' ? `_${joined}` : joined;
}

/** A name may hold anything; a comment must not end in it. */
function commentText(text: string): string {
  return text.replaceAll('*/', '* /').replace(/[\r\n]/g, ' ');
}
