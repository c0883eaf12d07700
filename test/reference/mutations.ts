/**
 * Mutations: small changes of a tensor that often leave its cells as they are.
 *
 * Why not construct inputs of equal cells: that would need to know the cells. These only guess; the reference binner decides
 * which guesses are kept.
 *
 * Invariants
 *  - The tensor that is given is never written to. Null where a mutation has nothing to do.
 */
import type { TensorWire } from '../../protocol/tensors/tensors.ts';
import type { Dice } from './dice.ts';

type NumericData = Exclude<TensorWire['data'], readonly string[]>;
type NumberMutation = (data: NumericData, tensor: TensorWire, dice: Dice) => boolean;

/** Bits of a float's fraction, by tensor type; integers have none, all their bits are free. */
const FRACTION_BITS: Readonly<Record<string, number>> = { float16: 10, float32: 23, float64: 52 };

/** Bytes of one element, lowest first: typed arrays are little-endian on every machine that tests run on. */
function bytesOf(data: NumericData, index: number): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset + index * data.BYTES_PER_ELEMENT, data.BYTES_PER_ELEMENT);
}

/** Random low bits, `bitCount` of them. */
function shakeBits(bytes: Uint8Array, bitCount: number, dice: Dice): void {
  for (let bit = 0; bit < Math.min(bitCount, bytes.length * 8); bit++) {
    bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (dice.below(2) << (bit & 7));
  }
}

function isSpecial(data: NumericData, type: string, index: number): 'nan' | 'zero' | null {
  const bytes = bytesOf(data, index);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const bits =
    type === 'float64' ? view.getBigUint64(0, true) : BigInt(type === 'float32' ? view.getUint32(0, true) : view.getUint16(0, true));
  const fraction = BigInt(FRACTION_BITS[type] as number);
  const exponent = (bits & ~(1n << BigInt(bytes.length * 8 - 1))) >> fraction;
  if (exponent === 0n) return 'zero';
  const isLast = exponent === (1n << (BigInt(bytes.length * 8 - 1) - fraction)) - 1n;
  return isLast && bits % (1n << fraction) !== 0n ? 'nan' : null;
}

const NUMBER_MUTATIONS: readonly NumberMutation[] = [
  // An element moves within its neighbourhood.
  (data, { type }, dice) => {
    const index = dice.below(data.length);
    const bits = FRACTION_BITS[type];
    shakeBits(bytesOf(data, index), 1 + dice.below(bits ?? 4), dice);
    return true;
  },
  // All elements do.
  (data, { type }, dice) => {
    const bits = 1 + dice.below((FRACTION_BITS[type] ?? 2) - 1);
    for (let index = 0; index < data.length; index++) shakeBits(bytesOf(data, index), bits, dice);
    return true;
  },
  // Two elements change places.
  (data, _tensor, dice) => {
    const [a, b] = [bytesOf(data, dice.below(data.length)), bytesOf(data, dice.below(data.length))];
    const kept = a.slice();
    a.set(b);
    b.set(kept);
    return true;
  },
  // Neighbours change places.
  (data, _tensor, dice) => {
    if (data.length < 2) return false;
    const index = dice.below(data.length - 1);
    const kept = bytesOf(data, index).slice();
    bytesOf(data, index).set(bytesOf(data, index + 1));
    bytesOf(data, index + 1).set(kept);
    return true;
  },
  // Two rows of the first axis change places.
  (data, { dims }, dice) => {
    const [rowCount = 0] = dims;
    if (rowCount < 2 || data.length % rowCount !== 0) return false;
    const rowBytes = (data.length / rowCount) * data.BYTES_PER_ELEMENT;
    const all = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const [a, b] = [dice.below(rowCount) * rowBytes, dice.below(rowCount) * rowBytes];
    const kept = all.slice(a, a + rowBytes);
    all.copyWithin(a, b, b + rowBytes);
    all.set(kept, b);
    return true;
  },
  // Everything is reversed within the last axis.
  (data, { dims }) => {
    const length = dims.at(-1) ?? 1;
    if (length < 2 || data.length % length !== 0) return false;
    for (let start = 0; start < data.length; start += length) data.subarray(start, start + length).reverse();
    return true;
  },
  // NaN gets another payload and sign; zero another sign, or becomes subnormal.
  (data, { type }, dice) => {
    if (FRACTION_BITS[type] === undefined) return false;
    let isChanged = false;
    for (let index = 0; index < data.length; index++) {
      const special = isSpecial(data, type, index);
      if (special === null) continue;
      const bytes = bytesOf(data, index);
      if (special === 'nan' || dice.below(2) === 0) shakeBits(bytes, 1 + dice.below(FRACTION_BITS[type]), dice);
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ (dice.below(2) << 7);
      isChanged = true;
    }
    return isChanged;
  },
  // An element becomes another one altogether: huge to huge, an unknown code to another.
  (data, _tensor, dice) => {
    const bytes = bytesOf(data, dice.below(data.length));
    for (let at = 0; at < bytes.length; at++) bytes[at] = dice.below(256);
    return true;
  },
];

/** Code points of the same features: what one of them may become. */
const ALPHABETS: readonly string[] = [
  'abcxyzÄßéŁ',
  'жщяЮІ',
  'αβγΩ',
  'عربيمن',
  'אבגשת',
  'कखगत',
  '漢字水火𠀀',
  'ひらカナ',
  '한국어말',
  'กขค',
  'աბꓐᚠ',
  '0123456789٣५',
  '.,!?¿„—…',
  ' \t\u0301\u200d+€😀🎉\u0000',
];

/** Another code point of the first alphabet that has this one; null where none has. */
function relative(point: string, dice: Dice): string | null {
  const alphabet = ALPHABETS.map((points) => [...points]).find((points) => points.includes(point));
  return alphabet === undefined ? null : dice.oneOf(alphabet);
}

type TextMutation = (texts: string[], dice: Dice) => boolean;

const TEXT_MUTATIONS: readonly TextMutation[] = [
  // Every code point becomes a relative.
  (texts, dice) => {
    const index = dice.below(texts.length);
    texts[index] = [...(texts[index] as string)].map((point) => relative(point, dice) ?? point).join('');
    return true;
  },
  // Code points change places.
  (texts, dice) => {
    const index = dice.below(texts.length);
    const points = [...(texts[index] as string)];
    points.sort(() => dice.below(3) - 1);
    texts[index] = points.join('');
    return true;
  },
  // Two texts change places.
  (texts, dice) => {
    const [a, b] = [dice.below(texts.length), dice.below(texts.length)];
    [texts[a], texts[b]] = [texts[b] as string, texts[a] as string];
    return true;
  },
  // One text becomes another of its length.
  (texts, dice) => {
    const index = dice.below(texts.length);
    const points = [...dice.oneOf(ALPHABETS)];
    texts[index] = [...(texts[index] as string)].map(() => dice.oneOf(points)).join('');
    return true;
  },
  // A number is written differently.
  (texts, dice) => {
    const index = dice.below(texts.length);
    texts[index] = `${dice.oneOf(['', ' ', '+', '0'])}${texts[index]}${dice.oneOf(['', ' ', '.0', '1', 'e0'])}`;
    return true;
  },
];

type ShapeMutation = (tensor: TensorWire, dice: Dice) => TensorWire;

const SHAPE_MUTATIONS: readonly ShapeMutation[] = [
  // Two axes change places.
  (tensor, dice) => {
    const dims = [...tensor.dims];
    const [a, b] = [dice.below(dims.length + 1), dice.below(dims.length + 1)];
    [dims[a], dims[b]] = [dims[b] ?? 1, dims[a] ?? 1];
    return { ...tensor, dims: dims.slice(0, tensor.dims.length) };
  },
  // Any dims: what is malformed may be malformed otherwise.
  (tensor, dice) => ({ ...tensor, dims: tensor.dims.map(() => dice.oneOf([0, 1, 2, 3, -1])) }),
  // An axis more.
  (tensor, dice) => ({ ...tensor, dims: dice.below(2) === 0 ? [...tensor.dims, 1] : [1, ...tensor.dims] }),
  // An element less.
  (tensor) => ({ ...tensor, data: tensor.data.slice(1) as TensorWire['data'] }),
];

/** The tensor, changed a little; null when the dice fell on something that it has not. */
export function mutated(tensor: TensorWire, dice: Dice): TensorWire | null {
  if (dice.below(8) === 0) return dice.oneOf(SHAPE_MUTATIONS)(tensor, dice);
  if (tensor.data.length === 0) return null;
  if (!ArrayBuffer.isView(tensor.data)) {
    const texts = [...(tensor.data as readonly string[])];
    return dice.oneOf(TEXT_MUTATIONS)(texts, dice) ? { ...tensor, data: texts } : null;
  }
  const data = tensor.data.slice() as NumericData;
  return dice.oneOf(NUMBER_MUTATIONS)(data, tensor, dice) ? { ...tensor, data } : null;
}
