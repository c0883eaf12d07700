/**
 * A proxy that was told to pass `Insitu-Answer`, and adds it to the one that it passed anyway, told it twice. Browsers read that as `a, a`,
 * which proved nothing, and every window waited until it was too old.
 */
import { expect, test } from 'vitest';
import { answerProof, readProof } from '../../protocol/report/answer.ts';

const BODY = Uint8Array.of(1, 2, 3);

test.each([
  [204, {}],
  [410, { collectorMs: 1_795_435_200_000 }],
  [503, { isUnregistered: true }],
] as const)('%i told twice or three times is what it is told once', (status, detail) => {
  const proof = answerProof(status, BODY, detail);
  const once = readProof(proof, status, BODY);
  expect(once).not.toBeNull();
  expect(readProof(`${proof}, ${proof}`, status, BODY)).toEqual(once);
  expect(readProof(`${proof},${proof}, ${proof}`, status, BODY)).toEqual(once);
});

test('two that differ prove nothing, whichever is first', () => {
  const [ours, theirs] = [answerProof(204, BODY), answerProof(204, Uint8Array.of(3, 2, 1))];
  for (const told of [`${ours}, ${theirs}`, `${theirs}, ${ours}`, `${ours}, `, `, ${ours}`, `${ours}, ${ours} 1`, ',']) {
    expect(readProof(told, 204, BODY)).toBeNull();
  }
});
