/**
 * Data files for tests of the command: NumPy arrays and recordings byte by byte, a folder that goes when the test file ends,
 * and commands whose words are kept.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, vi } from 'vitest';
import type { Example, ExampleSource } from '../../cli/readers/example.ts';

/** A new folder, gone after the last test of the file. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'insitu-data-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

interface NpyOptions {
  readonly version?: 1 | 2 | 3;
  readonly isFortran?: boolean;
}

/** A file as numpy.save writes it. */
export function npyBytes(
  descriptor: string,
  shape: readonly number[],
  data: Uint8Array,
  { version = 1, isFortran = false }: NpyOptions = {},
): Buffer {
  const lengths = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '${descriptor}', 'fortran_order': ${isFortran ? 'True' : 'False'}, 'shape': (${lengths}), }`;
  const start = version === 1 ? 10 : 12;
  const header = Buffer.from(`${text.padEnd(Math.ceil((start + text.length + 1) / 64) * 64 - start - 1)}\n`, 'latin1');
  const prefix = Buffer.alloc(start);
  prefix.write('\x93NUMPY', 0, 'latin1');
  prefix.writeUInt8(version, 6);
  if (version === 1) prefix.writeUInt16LE(header.length, 8);
  else prefix.writeUInt32LE(header.length, 8);
  return Buffer.concat([prefix, header, data]);
}

/** The bytes of an array's values, in this machine's order. */
export const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array => new Uint8Array(buffer, byteOffset, byteLength);

interface WavOptions {
  readonly tag?: number;
  readonly bits: number;
  readonly channels?: number;
  readonly rate?: number;
  readonly isExtensible?: boolean;
}

export function wavBytes(samples: Uint8Array, { tag = 1, bits, channels = 1, rate = 8000, isExtensible = false }: WavOptions): Buffer {
  const format = Buffer.alloc(isExtensible ? 40 : 16);
  format.writeUInt16LE(isExtensible ? 0xfffe : tag, 0);
  format.writeUInt16LE(channels, 2);
  format.writeUInt32LE(rate, 4);
  format.writeUInt16LE((channels * bits) / 8, 12);
  format.writeUInt16LE(bits, 14);
  if (isExtensible) format.writeUInt16LE(tag, 24);
  // An odd chunk before the data: its padding byte must be skipped.
  const chunks = [chunk('fmt ', format), chunk('LIST', Buffer.from('odd')), chunk('data', samples)];
  return Buffer.concat([Buffer.from('RIFF\0\0\0\0WAVE', 'latin1'), ...chunks]);
}

function chunk(name: string, data: Uint8Array): Buffer {
  const head = Buffer.from(`${name}\0\0\0\0`, 'latin1');
  head.writeUInt32LE(data.length, 4);
  return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
}

export async function examplesIn({ examples }: ExampleSource): Promise<Example[]> {
  const all: Example[] = [];
  for await (const example of examples()) all.push(example);
  return all;
}

/** What a command wrote to stdout, and the sentence that it ended with, if it failed. */
export async function saidBy(
  command: (args: readonly string[]) => Promise<void>,
  ...args: string[]
): Promise<{ text: string; failure: string }> {
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, 'write').mockImplementation((part) => written.push(String(part)) > 0);
  try {
    const failure = await command(args).then(
      () => '',
      (error: unknown) => (error instanceof Error && /^(Usage|Startup)Error$/.test(error.name) ? error.message : Promise.reject(error)),
    );
    return { text: written.join(''), failure };
  } finally {
    spy.mockRestore();
  }
}
