/** Opaque tensors: nothing but their state. */
import { onInput, onOutput, PLAIN_INPUT, PLAIN_OUTPUT } from '../manifests.ts';
import { floats, type ReferenceKind } from '../reference-kind.ts';

export const reference: ReferenceKind = {
  kind: 'opaque',
  manifests: {
    opaque: () => [
      ...onInput({ ...PLAIN_INPUT, type: 'string', dims: ['batch', 2] }, { ...PLAIN_INPUT, dims: ['batch', 3], missing: 'constant' }),
      ...onOutput({ ...PLAIN_OUTPUT, dims: ['batch', 3] }),
    ],
  },
  worked: [
    { what: 'nothing is counted of an opaque tensor but its state', side: 'input', declared: {}, tensor: floats([1, 2], 1, 2), cells: {} },
  ],
  fits: () => true,
  countItem: () => undefined,
  isSampled: true,
};
