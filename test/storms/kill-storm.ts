/**
 * Kill storm: clients that never stop, a collector that dies again and again.
 *
 * Goal: no moment of death loses an acknowledged window or counts one twice. Method: six clients post without pause and
 * repeat until they get a 204, while the process is killed at random moments and started again on the same port.
 *
 * A few deaths run in every `npm test`, hundreds in test/prove/collector-kill.prove.test.ts.
 */

import { type Counted, counted, freshWindow, post, Workplace } from '../fault/collector-child.ts';
import { bodyOf, MODEL_VERSION } from '../fixtures/reports.ts';

const CLIENT_COUNT = 6;

export interface Storm {
  readonly sent: { reports: number; runs: number; unanswered: number };
  readonly found: Counted;
}

export async function surviveKills(killCount: number): Promise<Storm> {
  const workplace = await Workplace.create();
  let { command, url } = await workplace.start();
  const sent = { reports: 0, runs: 0, unanswered: 0 };
  let isOver = false;
  const client = async () => {
    while (!isOver) {
      const windows = [freshWindow(8 + (sent.reports % 13)), freshWindow(8)];
      sent.reports += windows.length;
      for (const window of windows) sent.runs += window.runs;
      const body = bodyOf(windows);
      while ((await post(url, body)) !== 204) {
        sent.unanswered++;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  };
  try {
    const clients = Array.from({ length: CLIENT_COUNT }, client);
    for (let kill = 0; kill < killCount; kill++) {
      await new Promise((resolve) => setTimeout(resolve, 50 + Math.random() * 250));
      await command.kill('SIGKILL');
      ({ command, url } = await workplace.start(Number(new URL(url).port)));
    }
    isOver = true;
    await Promise.all(clients);
    return { sent, found: await counted(url, MODEL_VERSION) };
  } finally {
    isOver = true;
    await command.kill('SIGKILL');
    await workplace.dispose();
  }
}
