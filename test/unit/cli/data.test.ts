/**
 * Readers: what a row of each kind of file becomes, and what is said of files and rows that cannot be read.
 *
 * Method: real files, written by the libraries that write them elsewhere or byte by byte, read back and compared with
 * values that are known.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import type { Example } from '../../../cli/data/example.ts';
import { openData } from '../../../cli/data/open-data.ts';
import { DUCKDB_PACKAGE, importOptional, SHARP_PACKAGE } from '../../../cli/terminal/optional-package.ts';
import type { ManifestInput } from '../../../protocol/manifest/manifest.ts';
import { halfToNumber, numbersOf, toHalf } from '../../../protocol/tensors/tensor-data.ts';
import type { TensorWire } from '../../../protocol/tensors/tensors.ts';
import { manifestOf } from '../../fixtures/counts-manifest.ts';
import { bytesOf, examplesIn, npyBytes, temporaryFolder, wavBytes } from '../../fixtures/data-files.ts';

const folder = temporaryFolder();

function write(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function subfolder(name: string): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  return path;
}

async function read(input: ManifestInput | readonly ManifestInput[], ...paths: string[]): Promise<Example[]> {
  return examplesIn(await openData(manifestOf([input].flat() as ManifestInput[]), paths));
}

const tensorOf = (example: Example | undefined, name = 'x'): TensorWire | undefined =>
  example !== undefined && 'feeds' in example ? example.feeds[name] : undefined;

/** An example as numbers or texts, or as the sentence about it without the folder. */
function shown(example: Example): unknown {
  if ('unreadable' in example) return `${example.where.replace(`${folder}/`, '')}: ${example.unreadable}`;
  const tensors = Object.values(example.feeds).map((tensor) =>
    Array.from<unknown>(numbersOf(tensor) ?? (tensor.data as readonly string[])),
  );
  return tensors.length === 1 ? tensors[0] : tensors;
}

const numeric = (type: ManifestInput['type'], dims: ManifestInput['dims'], name = 'x'): ManifestInput => ({
  name,
  type,
  dims,
  kind: 'numeric',
});

describe('NumPy files', () => {
  const DESCRIPTORS = [
    ['<f4', Float32Array.of(-1.5, 2, 3, 4)],
    ['<f8', Float64Array.of(-1.5, 2, 3, 4)],
    ['<f2', Uint16Array.of(0xbe00, 0x4000, 0x4200, 0x4400)],
    ['|i1', Int8Array.of(-1, 2, 3, 4)],
    ['<i2', Int16Array.of(-1, 2, 3, 4)],
    ['<i4', Int32Array.of(-1, 2, 3, 4)],
    ['<i8', BigInt64Array.of(-1n, 2n, 3n, 4n)],
    ['|u1', Uint8Array.of(1, 2, 3, 4)],
    ['<u2', Uint16Array.of(1, 2, 3, 4)],
    ['<u4', Uint32Array.of(1, 2, 3, 4)],
    ['<u8', BigUint64Array.of(1n, 2n, 3n, 4n)],
    ['|b1', Uint8Array.of(1, 0, 0, 1)],
  ] as const;

  test.each(DESCRIPTORS)('%s has its values, in either byte order', async (descriptor, array) => {
    const bytes = bytesOf(array);
    const width = bytes.length / 4;
    const swapped = Uint8Array.from(bytes, (_, at) => bytes[at - (at % width) + (width - 1 - (at % width))] as number);
    const little = write('little.npy', npyBytes(descriptor, [2, 2], bytes));
    const big = write('big.npy', npyBytes(descriptor.replace('<', '>'), [2, 2], swapped, { version: 3 }));
    const first = descriptor.includes('f') ? -1.5 : /i/.test(descriptor) ? -1 : 1;
    const expected =
      descriptor === '|b1'
        ? [
            [1, 0],
            [0, 1],
          ]
        : [
            [first, 2],
            [3, 4],
          ];
    expect((await read(numeric('float64', ['batch', 2]), little)).map(shown)).toEqual(expected);
    expect((await read(numeric('float64', ['batch', 2]), big)).map(shown)).toEqual(expected);
  });

  test('items keep the shape of the input, flat ones too, and files of one input follow one another', async () => {
    const path = write('square.npy', npyBytes('|u1', [1, 1, 2, 2], Uint8Array.of(1, 2, 3, 4), { version: 2 }));
    const flat = write('flat.npy', npyBytes('|u1', [1, 4], Uint8Array.of(5, 6, 7, 8)));
    const examples = await read(numeric('float32', ['batch', 1, 2, 2]), path, flat);
    expect(examples.map(shown)).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ]);
    expect(examples.map((example) => tensorOf(example)?.dims)).toEqual([
      [1, 1, 2, 2],
      [1, 1, 2, 2],
    ]);
  });

  test('a named axis takes the length of the data, the batch axis 1', async () => {
    const path = write('tokens.npy', npyBytes('<i8', [2, 3], bytesOf(BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 2n ** 60n + 1n))));
    const examples = await read({ name: 'x', type: 'int64', dims: ['batch', 'sequence'], kind: 'text' }, path);
    expect(tensorOf(examples[1])).toEqual({ type: 'int64', dims: [1, 3], data: BigInt64Array.of(4n, 5n, 2n ** 60n + 1n) });
  });

  test('several inputs are read side by side', async () => {
    const a = write('a.npy', npyBytes('|u1', [2], Uint8Array.of(1, 2)));
    const b = write('b.npy', npyBytes('|u1', [2, 2], Uint8Array.of(3, 4, 5, 6)));
    const inputs = [numeric('float32', ['batch', 1], 'a'), numeric('uint8', ['batch', 2], 'b')];
    expect((await read(inputs, `b=${b}`, `a=${a}`)).map(shown)).toEqual([
      [[1], [3, 4]],
      [[2], [5, 6]],
    ]);
    const short = write('short.npy', npyBytes('|u1', [1], Uint8Array.of(1)));
    await expect(read(inputs, `a=${short}`, `b=${b}`)).rejects.toThrow(
      'All inputs must have the same number of rows; these have: a 1, b 2.',
    );
    await expect(read(inputs, `a=${a}`)).rejects.toThrow('The input "b" has no data. Name a file for each input: --data b=FILE.npy');
    await expect(read(inputs, a)).rejects.toThrow('feeds one of several inputs (a, b); say which: --data NAME=');
  });

  test('more than one block of a file is read as one', async () => {
    const values = Float64Array.from({ length: 150_000 }, (_, index) => index);
    const examples = await read(numeric('float64', ['batch', 3]), write('long.npy', npyBytes('<f8', [50_000, 3], bytesOf(values))));
    expect(examples.length).toBe(50_000);
    expect(examples.every((example, index) => tensorOf(example)?.data[0] === 3 * index)).toBe(true);
  });

  test('a number that the type of the input cannot hold is an unreadable row', async () => {
    const path = write('wide.npy', npyBytes('<i2', [3, 1], bytesOf(Int16Array.of(255, 256, -1))));
    expect((await read(numeric('uint8', ['batch', 1]), path)).map(shown)).toEqual([
      [255],
      'wide.npy, row 2: holds a number that the type of the input cannot',
      'wide.npy, row 3: holds a number that the type of the input cannot',
    ]);
  });

  test.each([
    [
      'is in Fortran order. Save it with numpy.save(file, numpy.ascontiguousarray(array)).',
      npyBytes('|u1', [1, 2], Uint8Array.of(1, 2), { isFortran: true }),
    ],
    ['has the shape (1, 3); the input "x" takes N items of [2].', npyBytes('|u1', [1, 3], Uint8Array.of(1, 2, 3))],
    ['ends before its 2 rows do.', npyBytes('|u1', [2, 2], Uint8Array.of(1, 2, 3))],
    [
      'holds neither numbers nor booleans. Readable are float16 to float64, int8 to uint64 and bool.',
      npyBytes('<U3', [1, 2], new Uint8Array(24)),
    ],
    ['is no NumPy file.', Buffer.from('nothing of the kind')],
  ])('a file that %s is refused', async (sentence, bytes) => {
    const path = write('wrong.npy', bytes);
    await expect(read(numeric('float32', ['batch', 2]), path)).rejects.toThrow(`${path} ${sentence}`);
  });
});

test('every float16 survives the way to a number and back, and a tie goes to the even one', () => {
  const numbers = Array.from({ length: 0x1_0000 }, (_, bits) => halfToNumber(bits));
  expect(numbers.filter((number, bits) => !Number.isNaN(number) && toHalf(number) !== bits)).toEqual([]);
  expect([1 + 2 ** -11, 1 + 3 * 2 ** -11, 65_519, 65_520, 2 ** -25, 2 ** -26 * 3, Number.NaN].map(toHalf)).toEqual([
    0x3c00, 0x3c02, 0x7bff, 0x7c00, 0, 1, 0x7e00,
  ]);
});

describe('tables', () => {
  const tabular: ManifestInput = {
    name: 'x',
    type: 'float32',
    dims: ['batch', 3],
    kind: 'tabular',
    columns: [
      { name: 'age', kind: 'numeric' },
      { name: 'colour', kind: 'categorical', categories: ['red', 'green'] },
      { name: 'the "height"', kind: 'numeric' },
    ],
  };

  test('a .csv, a .tsv, one with semicolons and a .parquet give the same rows', async () => {
    const rows = [
      ['colour', 'the "height"', 'age', 'note'],
      ['green', '1.5', '30', 'a, b'],
      ['', '-2e3', 'NaN', ''],
      ['red', 'inf', '', 'line\nbreak'],
    ];
    const quoted = (separator: string) =>
      rows.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(separator)).join('\n');
    const csv = write('[rows]*.csv', quoted(','));
    const parquet = join(folder, "it's.parquet");
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(
      `COPY (SELECT * FROM (VALUES ('green', 1.5::DECIMAL(9, 2), 30::UTINYINT, true), (NULL, -2e3, NULL, NULL), ('red', 'inf'::FLOAT, NULL, false))
         AS t(colour, "the ""height""", age, note)) TO '${parquet.replaceAll("'", "''")}' (FORMAT parquet)`,
    );
    connection.closeSync();
    const expected = [
      [30, 1, 1.5],
      [Number.NaN, Number.NaN, -2000],
      [Number.NaN, 0, Infinity],
    ];
    for (const path of [csv, write('rows.tsv', quoted('\t')), write('semicolons.csv', quoted(';')), parquet]) {
      const source = await openData(manifestOf([tabular]), [path]);
      expect(source.notes).toEqual(['Columns that the manifest does not name were ignored: note.']);
      expect(source.count).toBe(path === parquet ? 3 : null);
      expect((await examplesIn(source)).map(shown)).toEqual(expected);
    }
  });

  test('rows that cannot be read are counted by place, and no value of them is told', async () => {
    const path = write('odd.csv', 'age,colour,"the ""height"""\n1,red,2\nsecret,red,2\n1,mauve,2\n1,red\n1,1,3\n1,red,2,secret\n');
    expect((await read(tabular, path)).map(shown)).toEqual([
      [1, 0, 2],
      'odd.csv, row 2: column "age" holds no number',
      'odd.csv, row 3: column "colour" holds a category that the manifest does not name',
      [1, 1, 3],
      'odd.csv, line 5: cannot be split: missing columns',
      'odd.csv, line 7: cannot be split: too many columns',
    ]);
  });

  test('a type without NaN takes the number that the manifest names for no value, or the row is unreadable', async () => {
    const path = write('whole.csv', 'a,b\n1,2\n,2\n1,\n1.5,2\n');
    const columns = [
      { name: 'a', kind: 'numeric', missing: -1 },
      { name: 'b', kind: 'numeric' },
    ] as const;
    expect((await read({ name: 'x', type: 'int32', dims: ['batch', 2], kind: 'tabular', columns: [...columns] }, path)).map(shown)).toEqual(
      [
        [1, 2],
        [-1, 2],
        'whole.csv, row 3: column "b" has no value, and int32 has no NaN',
        'whole.csv, row 4: a number of "x" is not one of int32',
      ],
    );
  });

  test('an input takes the column of its name: numbers, texts, categories and lists', async () => {
    const path = join(folder, 'inputs.parquet');
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(
      `COPY (SELECT 'Grüße, Welt' AS title, 7 AS size, 'b' AS type, [1, 9007199254740993]::BIGINT[] AS ids
         UNION ALL SELECT NULL, 8, 'a', [3]) TO '${path}' (FORMAT parquet)`,
    );
    connection.closeSync();
    const inputs: ManifestInput[] = [
      { name: 'title', type: 'string', dims: ['batch'], kind: 'text' },
      numeric('float32', ['batch', 1], 'size'),
      { name: 'type', type: 'int64', dims: ['batch', 1], kind: 'categorical', categories: ['a', 'b'] },
      { name: 'ids', type: 'int64', dims: ['batch', 'sequence'], kind: 'text' },
    ];
    const [first, second] = await read(inputs, path);
    expect(first).toMatchObject({
      feeds: {
        title: { type: 'string', dims: [1], data: ['Grüße, Welt'] },
        size: { dims: [1, 1], data: Float32Array.of(7) },
        type: { dims: [1, 1], data: BigInt64Array.of(1n) },
        ids: { dims: [1, 2], data: BigInt64Array.of(1n, 9_007_199_254_740_993n) },
      },
    });
    expect(second).toMatchObject({ feeds: { title: { data: [''] }, ids: { dims: [1, 1], data: BigInt64Array.of(3n) } } });
  });

  test('many rows come in chunks and in order', async () => {
    const path = write('many.csv', `x\n${Array.from({ length: 5000 }, (_, index) => index).join('\n')}\n`);
    const examples = await read(numeric('float64', ['batch', 1]), path);
    expect(examples.length).toBe(5000);
    expect(examples.every((example, index) => tensorOf(example)?.data[0] === index)).toBe(true);
  });

  test('a missing column, a column of no use and a file that is no table are refused', async () => {
    const path = write('other.csv', 'age,size\n1,2\n');
    await expect(read(tabular, path)).rejects.toThrow(`${path} has no column "colour", "the ""height"""; it has age, size.`);
    const dates = join(folder, 'dates.parquet');
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    await connection.run(`COPY (SELECT DATE '2020-01-01' AS x) TO '${dates}' (FORMAT parquet)`);
    connection.closeSync();
    await expect(read(numeric('float32', ['batch', 1]), dates)).rejects.toThrow(`${dates}: column "x" is DATE, which is not a number.`);
    const broken = write('broken.parquet', 'PAR1 and no more');
    await expect(read(numeric('float32', ['batch', 1]), broken)).rejects.toThrow(`${broken} cannot be read as a table.`);
  });
});

describe('pictures', () => {
  const image = (fields: Partial<ManifestInput>): ManifestInput => ({
    name: 'x',
    type: 'float32',
    dims: ['batch', 3, 2, 2],
    kind: 'image',
    ...fields,
  });
  /** Red, green / blue, white. */
  const PIXELS = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255);
  const raw = { raw: { width: 2, height: 2, channels: 3 } } as const;

  test('planes or pixels, by the layout, in the range of the manifest', async () => {
    const path = join(folder, 'four.png');
    await sharp(PIXELS, raw).png().toFile(path);
    expect((await read(image({}), path)).map(shown)).toEqual([[1, 0, 0, 1, 0, 1, 0, 1, 0, 0, 1, 1]]);
    const [pixels] = await read(image({ dims: ['batch', 2, 2, 3], layout: 'NHWC', range: [-1, 1] }), path);
    expect(tensorOf(pixels)).toEqual({
      type: 'float32',
      dims: [1, 2, 2, 3],
      data: Float32Array.from(PIXELS, (value) => (2 * value) / 255 - 1),
    });
    const [bytes] = await read(image({ type: 'uint8', dims: [1, 2, 2, 3], layout: 'NHWC' }), path);
    expect(tensorOf(bytes)).toEqual({ type: 'uint8', dims: [1, 2, 2, 3], data: PIXELS });
  });

  test('grey by the number of channels, stretched to height and width, turned by its EXIF orientation', async () => {
    const pictures = subfolder('pictures/inner');
    const grey = { raw: { width: 2, height: 1, channels: 1 } } as const;
    await sharp(Uint8Array.of(0, 255), grey).png().toFile(join(pictures, 'a.png'));
    // Orientation 6: what is stored left is shown at the top.
    await sharp(Uint8Array.of(0, 255), grey).withMetadata({ orientation: 6 }).webp({ lossless: true }).toFile(join(pictures, 'b.webp'));
    const examples = await read(image({ dims: [1, 'height', 'width'], layout: 'NCHW' }), join(folder, 'pictures'));
    expect(examples.map((example) => [example.where, tensorOf(example)?.dims, shown(example)])).toEqual([
      ['inner/a.png', [1, 1, 2], [0, 1]],
      ['inner/b.webp', [1, 2, 1], [0, 1]],
    ]);
    const [stretched] = await read(image({ dims: ['batch', 1, 4, 3] }), join(pictures, 'a.png'));
    expect(tensorOf(stretched)?.dims).toEqual([1, 1, 4, 3]);
  });

  test('a broken picture is an unreadable row, named by its place in the folder', async () => {
    const pictures = subfolder('broken');
    await sharp(PIXELS, raw).png().toFile(join(pictures, 'b.png'));
    writeFileSync(join(pictures, 'a.jpg'), 'no picture');
    writeFileSync(join(pictures, 'c.png'), readFileSync(join(pictures, 'b.png')).subarray(0, 60));
    writeFileSync(join(pictures, 'labels.txt'), 'left alone');
    const examples = await read(image({}), pictures);
    expect(examples.filter((example) => 'unreadable' in example)).toEqual([
      { where: 'a.jpg', unreadable: 'is no picture that can be decoded' },
      { where: 'c.png', unreadable: 'is no picture that can be decoded' },
    ]);
    expect(examples.length).toBe(3);
  });

  test('a model that takes no picture is told so', async () => {
    await expect(read(numeric('float32', ['batch', 4]), join(folder, 'four.png'))).rejects.toThrow(
      'Pictures feed a model whose one input is of kind "image".',
    );
  });
});

describe('recordings', () => {
  const audio = (dims: ManifestInput['dims'] = ['batch', 'samples'], type: ManifestInput['type'] = 'float32'): ManifestInput => ({
    name: 'x',
    type,
    dims,
    kind: 'audio',
    sampleRate: 8000,
  });
  const FULL_SCALE = [-1, -0.5, 0, 0.5];

  test.each([
    ['PCM of 8 bits', Uint8Array.of(0, 64, 128, 192), { bits: 8 }],
    ['PCM of 16 bits', bytesOf(Int16Array.of(-32_768, -16_384, 0, 16_384)), { bits: 16 }],
    ['PCM of 24 bits', Uint8Array.of(0, 0, 0x80, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0x40), { bits: 24 }],
    ['PCM of 32 bits', bytesOf(Int32Array.of(-(2 ** 31), -(2 ** 30), 0, 2 ** 30)), { bits: 32 }],
    ['float of 32 bits', bytesOf(Float32Array.from(FULL_SCALE)), { bits: 32, tag: 3 }],
    ['float of 64 bits', bytesOf(Float64Array.from(FULL_SCALE)), { bits: 64, tag: 3 }],
    ['extensible PCM', bytesOf(Int16Array.of(-32_768, -16_384, 0, 16_384)), { bits: 16, isExtensible: true }],
    ['two channels', bytesOf(Float32Array.of(-1, -1, -1, 0, 0.5, -0.5, 0, 1)), { bits: 32, tag: 3, channels: 2 }],
  ])('%s', async (_, samples, options) => {
    const [example] = await read(audio(), write('sound.wav', wavBytes(samples, options)));
    expect(tensorOf(example)).toEqual({ type: 'float32', dims: [1, 4], data: Float32Array.from(FULL_SCALE) });
  });

  test('another rate, another length, compressed and cut-off files are unreadable rows', async () => {
    const recordings = subfolder('recordings');
    const put = (name: string, bytes: Uint8Array) => writeFileSync(join(recordings, name), bytes);
    put('a.wav', wavBytes(Uint8Array.of(0, 255), { bits: 8, rate: 44_100 }));
    put('b.wav', wavBytes(Uint8Array.of(0, 255), { bits: 8 }));
    put('c.wav', wavBytes(Uint8Array.of(0, 255), { bits: 8, tag: 7 }));
    put('d.wav', wavBytes(Uint8Array.of(0, 128, 128, 0), { bits: 8 }).subarray(0, 30));
    put('e.wav', wavBytes(Uint8Array.of(0, 128, 128, 255), { bits: 8 }));
    expect((await read(audio(['batch', 4], 'int16'), recordings)).map(shown)).toEqual([
      'a.wav: has 44100 samples per second; the manifest says 8000. Resample it as the page does',
      'b.wav: has 2 samples, which are not those of [batch, 4]',
      'c.wav: is compressed or of another sample type; readable are PCM of 8, 16, 24 or 32 bits and float of 32 or 64',
      'd.wav: ends before its samples begin',
      [-32_768, 0, 0, 32_512],
    ]);
  });
});

describe('what is no data', () => {
  const x = numeric('float32', ['batch', 2]);

  test('is refused with the list of what can be read', async () => {
    const path = write('rows.xlsx', 'PK');
    await expect(read(x, path)).rejects.toThrow(
      `${path} is of a format that cannot be read. Readable are .npy, .csv, .tsv and .parquet files, validation.json, and .png, .jpg, .webp, .bmp, .avif or .wav files, one or a folder of them.`,
    );
    const empty = subfolder('empty');
    await expect(read(x, empty)).rejects.toThrow(`${empty} has no file that can be read. Readable are`);
    await expect(read(x, join(folder, 'nowhere'))).rejects.toThrow(`${join(folder, 'nowhere')} cannot be read.`);
    await expect(read(x, 'y=nowhere.npy')).rejects.toThrow(
      'y=nowhere.npy cannot be read. If "y" is meant to be an input: the model has x.',
    );
  });

  test('is also what mixes formats, or names an input where columns do', async () => {
    const npy = write('one.npy', npyBytes('|u1', [1, 2], Uint8Array.of(1, 2)));
    const csv = write('one.csv', 'x\n1\n');
    await expect(read(x, npy, csv)).rejects.toThrow(`The data is of several formats (${npy}, ${csv}). Give one at a time.`);
    await expect(read(x, `x=${csv}`)).rejects.toThrow(
      'NAME=PATH is for NumPy files. A table finds its inputs by the names of its columns.',
    );
  });

  test('a NumPy file is known by its first bytes where its name says nothing', async () => {
    expect((await read(x, write('array', npyBytes('|u1', [1, 2], Uint8Array.of(1, 2))))).map(shown)).toEqual([[1, 2]]);
  });

  test('an array in validation.json must hold whole examples', async () => {
    const path = write('validation.json', JSON.stringify({ images: Buffer.from([1, 2, 3]).toString('base64') }));
    await expect(read(x, path)).rejects.toThrow(`${path} does not hold whole examples of 2 elements.`);
  });
});

test('a package that is not there costs a sentence that installs it, in the version that the manifest of this one names', async () => {
  const missing = () => Promise.reject(new Error("Cannot find package 'sharp' imported from elsewhere"));
  await expect(importOptional(missing, 'Pictures', SHARP_PACKAGE)).rejects.toThrow(
    'Pictures are read by a package of their own. Install it beside insitu: npm install sharp@0.35',
  );
  const { peerDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { peerDependencies: Record<string, string> };
  for (const spec of [DUCKDB_PACKAGE, SHARP_PACKAGE]) {
    const at = spec.lastIndexOf('@');
    expect(peerDependencies[spec.slice(0, at)]?.replace('^', '').startsWith(spec.slice(at + 1))).toBe(true);
  }
});
