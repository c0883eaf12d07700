/**
 * Exact blocks: a model whose blocks of 4 bits are multiplied in single precision, whatever shortcut the graph asks for.
 *
 * Not here: what is done with it (cli/pack/reference.ts).
 * Source: com.microsoft MatMulNBits, `accuracy_level`: 0 as the runtime likes, 1 float32, 2 float16, 3 bfloat16, 4 int8.
 */
import { withGraphEdited } from './graph-edit.ts';
import type { OnnxModel } from './model-reader.ts';
import { bytesField, fieldsOf, integerField, type Pieces, textField, textOf, type WireField } from './wire-format.ts';

const ATTRIBUTE = 'accuracy_level';
const FLOAT32 = 1;
/** AttributeProto.AttributeType.INT */
const INT = 2;

/** Null where no node asks for less than single precision. */
export function withExactBlocks(bytes: Uint8Array, { nodes, graph }: OnnxModel): Uint8Array | null {
  const edits = new Map<WireField, Pieces>();
  for (const { operator, domain, field } of nodes) {
    if (operator !== 'MatMulNBits' || domain !== 'com.microsoft') continue;
    const parts = [...fieldsOf(bytes, field.valueStart, field.end)];
    const level = parts.find((part) => part.number === 5 && isLevel(bytes, part));
    if (level === undefined) continue;
    const exact = bytesField(5, [...textField(1, ATTRIBUTE), ...integerField(3, FLOAT32), ...integerField(20, INT)]);
    edits.set(
      field,
      bytesField(
        1,
        parts.flatMap((part) => (part === level ? exact : [bytes.subarray(part.start, part.end)])),
      ),
    );
  }
  return edits.size === 0 ? null : withGraphEdited(bytes, graph, edits);
}

function isLevel(bytes: Uint8Array, attribute: WireField): boolean {
  const name = [...fieldsOf(bytes, attribute.valueStart, attribute.end)].find(({ number }) => number === 1);
  return name !== undefined && textOf(bytes, name) === ATTRIBUTE;
}
