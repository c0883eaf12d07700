/**
 * Visitors in Node: the digits of the demo through the demo's model, counted, sealed, marked and encoded as a page does it.
 *
 * Why not pages: a burn-in is hundreds of browsers over weeks, and a page's clock is the machine's. What counts, seals, marks and encodes
 * here is the page's own code.
 *
 * Invariants
 *  - Each visit is of a browser that was never there before: its window is the first of its week.
 *  - The same chance gives the same digits.
 *
 * Not here: visitors in a browser (page-visitors.ts).
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type NodeSession, openNodeSession } from '../../cli/runtime/node-session.ts';
import { planHash } from '../../counts/layout/plan.ts';
import { dataPlanOf } from '../../counts/plans/data-plan.ts';
import { createRunCounter } from '../../counts/run/run-counter.ts';
import { type Tilt, tiltedDigit } from '../../demo/tilted-digit.ts';
import { encodeBody, encodeWindow, markedWindow } from '../../protocol/report/report.ts';
import { Clock } from '../../sdk/delivery/clock.ts';
import { claimMark } from '../../sdk/delivery/marks.ts';
import { OpenWindow, type WindowKey } from '../../sdk/delivery/open-window.ts';
import type { Chance } from '../storms/monitor-world.ts';
import { feedsOf, LABEL_COUNT, readDigits } from './digits.ts';
import type { DigitsFolder } from './digits-folder.ts';

/** What a visitor sees of an upright world. */
export const UPRIGHT: Tilt = { dark: 0, noise: 0, shift: 0, isInverted: false };

/** The body that a visit at that time sends. */
export type Visit = (atMs: number, chance: Chance, tilt: Tilt) => Promise<Uint8Array<ArrayBuffer>>;

export async function openVisits(modelVersion: string, { path, manifest }: DigitsFolder): Promise<Visit> {
  const { images, labels } = readDigits(`${path}heldout.json`);
  const byLabel = Array.from({ length: LABEL_COUNT }, (_, label) => images.filter((_image, index) => labels[index] === label));
  const plan = dataPlanOf(manifest);
  const key: WindowKey = {
    ...{ report: 'data', modelVersion, plan: await planHash(plan), arm: 'stable', segment: 0, cellCount: plan.cellCount },
  };
  const { run } = await openNodeSession(readFileSync(`${path}digits.int8.onnx`), 'all');
  const answer = remembering(run);
  return async (atMs, chance, tilt) => {
    const window = new OpenWindow(key, new Clock(() => atMs), (length) => Uint8Array.from(randomBytes(length)));
    // Of this browser alone: what others saw is no repeat.
    const count = createRunCounter(manifest, plan);
    for (const known of byLabel) {
      const image = known[chance.below(known.length)] as Float32Array<ArrayBuffer>;
      const seen = tiltedDigit(image, tilt, () => chance.uniform());
      window.counts.addRun();
      window.counts.add(count(feedsOf(seen), await answer(seen)));
    }
    const { mark } = claimMark([], `data ${modelVersion}`, window.day);
    if (!window.mustAskForMark || mark !== 'week') throw new Error('a first window of ten different digits gets the mark of the week');
    return encodeBody(modelVersion, [markedWindow(encodeWindow(window.counts.toWindow()), mark)]);
  };
}

/** A model answers the same image the same: the upright ones come a dozen times each. */
function remembering(run: NodeSession): (image: Float32Array<ArrayBuffer>) => ReturnType<NodeSession> {
  const known = new Map<string, ReturnType<NodeSession>>();
  return (image) => {
    const text = image.join();
    const answer = known.get(text) ?? run(feedsOf(image));
    known.set(text, answer);
    return answer;
  };
}
