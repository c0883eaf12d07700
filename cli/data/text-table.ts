/**
 * Text tables: what a .csv or .tsv file is before a line of it is believed: its encoding, its quotes, its separator, its line of names.
 *
 * Why before the engine that reads it: the engine says "cannot be read", or takes bytes of another encoding for text, and its own messages
 * quote rows.
 *
 * Invariants
 *  - Every fault is a sentence with the number of a line and without anything that stands in it.
 *  - The file is read once, in blocks, whatever its size.
 *
 * Source: RFC 4180; the byte order marks of Unicode 16, 23.8.
 */
import { open } from 'node:fs/promises';
import { CommandError } from '../terminal/command-error.ts';

/** The first line of a text file; longer ones are no list of names. */
const HEADER_BYTES_MAX = 64 * 1024;
const READ_BYTES = 1024 * 1024;
const SEPARATORS = [',', ';', '\t'] as const;
const [NUL, LINE_FEED, QUOTE] = [0x00, 0x0a, 0x22];

export interface TextTable {
  readonly separator: string;
  /** As the first line has them. */
  readonly names: readonly string[];
}

/** @throws {CommandError} when it is no text in UTF-8, or a quote is never closed. */
export async function openTextTable(path: string, label: string): Promise<TextTable> {
  const opened = await open(path);
  try {
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(HEADER_BYTES_MAX), 0, HEADER_BYTES_MAX, 0);
    const head = buffer.subarray(0, bytesRead);
    const encoding = foreignEncoding(head);
    if (encoding !== null)
      throw new CommandError(`${label} is ${encoding}, not UTF-8. Save it as CSV in UTF-8, or convert it: iconv -t UTF-8.`);
    const line = headerLine(head);
    if (line === null)
      throw new CommandError(
        `${label}: line 1 is no line of names: it has more than ${HEADER_BYTES_MAX} bytes, or a quote in it is not closed.`,
      );
    const separator = path.toLowerCase().endsWith('.tsv') ? '\t' : separatorIn(line);
    const fault = await faultIn(opened, separator.charCodeAt(0));
    if (fault !== null) throw new CommandError(`${label}, ${fault}`);
    return { separator, names: fieldsOf(line, separator) };
  } finally {
    await opened.close();
  }
}

/** By its mark, or by the zeros that half of it is. */
function foreignEncoding(head: Buffer): string | null {
  const mark = head.toString('latin1', 0, 4);
  if (mark === '\xff\xfe\0\0' || mark === '\0\0\xfe\xff') return 'UTF-32';
  if (mark.startsWith('\xff\xfe') || mark.startsWith('\xfe\xff') || head.includes(NUL)) return 'UTF-16 (what Excel calls Unicode Text)';
  if (mark.startsWith('PK\x03\x04')) return 'a zip archive, as .xlsx is';
  return null;
}

/** The first line without its end; null where there is none within the bytes. */
function headerLine(head: Buffer): string | null {
  let isQuoted = false;
  for (let at = 0; at < head.length; at++) {
    if (head[at] === QUOTE) isQuoted = !isQuoted;
    else if (head[at] === LINE_FEED && !isQuoted) return withoutMark(head.toString('utf8', 0, at).replace(/\r$/, ''));
  }
  return isQuoted || head.length === HEADER_BYTES_MAX ? null : withoutMark(head.toString('utf8').replace(/\r$/, ''));
}

function withoutMark(line: string): string {
  return line.replace(/^\ufeff/, '');
}

/** What stands most often between the names, quoted parts left aside. Where the comma is the decimal sign, a .csv has semicolons. */
function separatorIn(line: string): string {
  const bare = line.replaceAll(/"(?:[^"]|"")*"/g, '');
  const countOf = (separator: string) => bare.split(separator).length;
  return SEPARATORS.reduce((best, separator) => (countOf(separator) > countOf(best) ? separator : best));
}

function fieldsOf(line: string, separator: string): string[] {
  const fields: string[] = [];
  let [field, isQuoted] = ['', false];
  for (let at = 0; at < line.length; at++) {
    const letter = line[at] as string;
    if (letter === '"' && isQuoted && line[at + 1] === '"') {
      field += letter;
      at++;
    } else if (letter === '"') isQuoted = !isQuoted;
    else if (letter === separator && !isQuoted) {
      fields.push(field);
      field = '';
    } else field += letter;
  }
  return [...fields, field];
}

type Opened = Awaited<ReturnType<typeof open>>;

/** The first line that is not UTF-8, or that opens a quote which the file never closes. */
async function faultIn(opened: Opened, separator: number): Promise<string | null> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const quotes = new QuoteScan(separator);
  for (let position = 0; ; ) {
    const { buffer, bytesRead } = await opened.read(Buffer.alloc(READ_BYTES), 0, READ_BYTES, position);
    const block = buffer.subarray(0, bytesRead);
    const firstLine = quotes.line;
    try {
      decoder.decode(block, { stream: bytesRead > 0 });
    } catch {
      return `line ${firstLine + linesBeforeFault(block)} is not UTF-8: the file is probably of Windows (1252) or Latin-1. Save it in UTF-8, or convert it: iconv -f WINDOWS-1252 -t UTF-8.`;
    }
    if (bytesRead === 0) break;
    quotes.take(block);
    position += bytesRead;
  }
  return quotes.openLine === null
    ? null
    : `line ${quotes.openLine} opens a quote that no line closes. Close it, or write a quote that is part of a text twice.`;
}

/** Line feeds before the first byte that is no UTF-8; a letter that began in the block before counts to that block's last line. */
function linesBeforeFault(block: Buffer): number {
  let lineCount = 0;
  for (let start = 0; ; lineCount++) {
    const end = block.indexOf(LINE_FEED, start);
    const line = block.subarray(start, end < 0 ? block.length : end);
    // Only a block's first line can begin within a letter.
    const begin = start === 0 ? line.findIndex((byte) => byte < 0x80 || byte >= 0xc0) : 0;
    if (!isUtf8(line.subarray(Math.max(0, begin))) || end < 0) return lineCount;
    start = end + 1;
  }
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Which line a quote was opened on that is open still. Only a quote at the beginning of a field opens one. */
class QuoteScan {
  line = 1;
  openLine: number | null = null;
  private readonly separator: number;
  private isFieldStart = true;

  constructor(separator: number) {
    this.separator = separator;
  }

  take(block: Uint8Array): void {
    for (const byte of block) {
      if (byte === LINE_FEED) this.line++;
      if (this.openLine !== null) {
        // A doubled quote closes and opens again.
        if (byte === QUOTE) this.close();
        continue;
      }
      if (byte === QUOTE && this.isFieldStart) this.openLine = this.line;
      this.isFieldStart = byte === LINE_FEED || byte === this.separator;
    }
  }

  private close(): void {
    this.openLine = null;
    this.isFieldStart = true;
  }
}
