/**
 * The dashboard's shell: what is selected, what was fetched for it, and the one way from there to the page.
 *
 * Invariants
 *  - One request at a time; what changes meanwhile is asked for once more when it has come.
 *  - A view is drawn only from answers to the selection that it shows.
 *  - A collector that does not answer is said so, and asked again.
 *  - What nobody tells of is looked for: models that were registered since, and, where live updates do not come, new sums.
 *
 * Not here: numbers (view-model.ts), their places (sections.ts), what can be chosen (selection.ts).
 */
import type { ModelDetail, ModelEntry, PlanDocument } from '../../protocol/read/read-api.ts';
import { ARMS, UNKNOWN_MODEL_VERSION } from '../../protocol/report/window.ts';
import { byId } from '../../site/element.ts';
import { fetchModel, fetchModels, fetchNoised, fetchPlan, fetchSeries, RETRY_MS } from './api.ts';
import { nameText } from './charts/figures.ts';
import { type ControlId, chosenValue, distinct, offer, whenChosen } from './controls.ts';
import { LivePanel } from './live-panel.ts';
import { showModelSections } from './sections/model-sections.ts';
import type { SectionInput } from './sections/section.ts';
import { showSections } from './sections.ts';
import {
  armChoices,
  type Choice,
  chosenPlan,
  otherPlansSentence,
  planChoices,
  type Selection,
  segmentChoices,
  withheldSentence,
} from './view/selection.ts';
import { metricLabel, View } from './view/view-model.ts';

/** Controls that ask for other sums, and those that only show the same ones another way. */
const ASKING: readonly ControlId[] = ['model', 'hours', 'arm', 'segment', 'data-plan', 'software-plan'];
const SHOWING: readonly ControlId[] = ['metric'];
/** What another model has of its own. */
const OF_A_MODEL: readonly ControlId[] = ['arm', 'segment', 'data-plan', 'software-plan'];
/** Between two looks for models that were registered since. Whoever has just registered one waits for it in front of the page. */
const LOOK_MS = 10_000;
/** Every so many looks the sums are asked for as well: the hour moves on where nothing comes. */
const LOOKS_PER_REFRESH = 6;
/** A model of a site's own has no digits to draw: what a page needs comes first, the demo's way second. */
const NO_REPORT =
  'No report in this time. A page counts from client.telemetry.grant() on, and client.telemetry.status() there says what is in the way. ' +
  'In the demo, switch “Send counts” on, run a few digits and press “Send now”.';

export class Dashboard {
  private readonly live = new LivePanel(byId('live-text'), byId('live-chart'));
  private readonly plans = new Map<string, Promise<PlanDocument>>();
  private detail: ModelDetail | null = null;
  private view: View | null = null;
  private input: SectionInput | null = null;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private refreshing: Promise<void> | null = null;
  private isStale = false;
  private isLive = false;
  private lookCount = 0;
  /** The listed models, each with all that is told of it. */
  private listed: ReadonlyMap<string, string> = new Map();

  start(): void {
    whenChosen(ASKING, (id) => {
      if (id === 'model') forgetModelChoices();
      void this.refresh();
    });
    whenChosen(SHOWING, () => this.show());
    void this.refresh();
    setInterval(() => this.lookAgain(), LOOK_MS);
    document.addEventListener('visibilitychange', () => this.lookAgain());
  }

  /** @param isLive The collector is there, maybe another one than before: of a later release, with other plans. */
  connected(isLive: boolean): void {
    this.isLive = isLive;
    if (!isLive) return;
    this.detail = null;
    void this.refresh();
  }

  /** A commit of a model was told. */
  committed(modelVersion: string): void {
    if (modelVersion === chosenValue('model') || modelVersion === UNKNOWN_MODEL_VERSION) void this.refresh();
    else if (!this.listed.has(modelVersion)) void this.look();
  }

  private lookAgain(): void {
    if (document.visibilityState !== 'visible') return;
    this.lookCount++;
    if (!this.isLive || this.lookCount % LOOKS_PER_REFRESH === 0) void this.refresh();
    else void this.look();
  }

  /** Whether there are other models to choose from, or other plans and baselines of the chosen one. */
  private async look(): Promise<void> {
    try {
      if (await this.listModels()) await this.refresh();
    } catch {
      // The next request for sums says what is wrong, and is repeated.
    }
  }

  refresh(): Promise<void> {
    if (this.refreshing !== null) {
      this.isStale = true;
      return this.refreshing;
    }
    this.refreshing = this.load().finally(() => {
      this.refreshing = null;
      if (!this.isStale) return;
      this.isStale = false;
      void this.refresh();
    });
    return this.refreshing;
  }

  private async load(): Promise<void> {
    clearTimeout(this.retryTimer);
    try {
      await this.listModels();
      const selection = currentSelection();
      if (selection === null) {
        byId('alert').hidden = true;
        showEmpty('No model is registered. Start the collector with --models, or register one by POST /v1/models.');
        return;
      }
      const next = await this.fetchView(selection);
      byId('alert').hidden = true;
      this.take(next);
    } catch (error) {
      const alert = byId('alert');
      alert.hidden = false;
      alert.textContent = `${sentenceOf(error)} Trying again.`;
      this.retryTimer = setTimeout(() => void this.refresh(), RETRY_MS);
    }
  }

  /** Whether another model is chosen now, or the chosen one is registered anew. */
  private async listModels(): Promise<boolean> {
    const models = await fetchModels();
    const before = chosenValue('model');
    offer('model', distinct(models.map(choiceOf)), undefined);
    const listed = new Map(models.map((model) => [model.modelVersion, JSON.stringify(model)]));
    const now = chosenValue('model');
    const isAnother = now !== before || (now !== null && this.listed.get(now) !== listed.get(now));
    this.listed = listed;
    if (now !== before) forgetModelChoices();
    if (isAnother) this.detail = null;
    return isAnother;
  }

  private async fetchView(selection: Selection): Promise<View> {
    const { modelVersion, hourCount, arm, segment, dataPlan, softwarePlan } = selection;
    const detail = this.detail?.modelVersion === modelVersion ? this.detail : await fetchModel(modelVersion);
    this.detail = detail;
    const hashes = { data: chosenPlan(detail, 'data', dataPlan).hash, software: chosenPlan(detail, 'software', softwarePlan).hash };
    const [series, unattributed, data, software] = await Promise.all([
      fetchSeries({ modelVersion, hourCount, arm, segment, ...hashes }),
      // Software has no segment.
      fetchSeries({ ...hashes, modelVersion: UNKNOWN_MODEL_VERSION, hourCount, arm, segment: null, data: null }),
      this.planOf(modelVersion, hashes.data),
      this.planOf(modelVersion, hashes.software),
    ]);
    offer('arm', armChoices(series, selection), '');
    offer('segment', segmentChoices(data.plan), '');
    offer('data-plan', planChoices(detail, series, 'data', dataPlan), data.hash);
    offer('software-plan', planChoices(detail, series, 'software', softwarePlan), software.hash);
    const of = { detail, series, unattributed, plans: { data, software }, selection };
    const isNoised = series.totals.some(({ report }) => report === 'noised');
    this.input = {
      ...of,
      noised: isNoised ? await fetchNoised(modelVersion, hourCount) : null,
      ask: (narrowed) => fetchSeries({ modelVersion, hourCount, ...hashes, ...narrowed }),
      findingOf: () => null,
      linkOf: (sectionId) => `#${sectionId}`,
    };
    return new View(of);
  }

  private planOf(modelVersion: string, hash: string): Promise<PlanDocument> {
    const key = `${modelVersion} ${hash}`;
    const known = this.plans.get(key) ?? fetchPlan(modelVersion, hash);
    this.plans.set(key, known);
    known.catch(() => this.plans.delete(key));
    return known;
  }

  private take(next: View): void {
    const before = this.view;
    if (before !== null && isSameSelection(before.selection, next.selection)) {
      const gain = next.since(before);
      if (gain !== null) this.live.add(gain, Date.now());
    } else {
      this.live.clear();
    }
    this.view = next;
    const metrics = next.plan.metrics.map((metric) => ({ value: metric.id, text: metricLabel(metric), rest: metric.of?.side ?? '' }));
    offer('metric', distinct(metrics), next.headline?.id);
    this.show();
  }

  private show(): void {
    const { view, detail } = this;
    if (view === null || detail === null) return;
    const hidden =
      [otherPlansSentence(detail, view.hidden), withheldSentence(view.series)].filter((text) => text !== null).join(' ') || null;
    const isEmpty = view.reports === 0 && hidden === null;
    showEmpty(isEmpty ? NO_REPORT : null);
    showNote('other-plans', hidden);
    const isCut = view.selection.segment !== null;
    showNote(
      'segment-note',
      isCut ? 'Loads, latency and errors are those of all segments: software reports are not cut by segment.' : null,
    );
    const metricId = chosenValue('metric');
    showSections(view, metricId);
    if (this.input !== null) showModelSections(byId('sections'), this.input);
    this.live.show(view, metricId);
  }
}

function sentenceOf(error: unknown): string {
  // What cannot be read is of another release, or another program's: its words would say nothing to a reader.
  if (error instanceof TypeError) return 'The collector’s answer is not one that this page can read: serve both from one release.';
  return error instanceof Error ? error.message : String(error);
}

function choiceOf({ modelVersion, name, version }: ModelEntry): Choice & { readonly rest: string } {
  return { value: modelVersion, text: `${nameText(name)} ${nameText(version)}`, rest: modelVersion.slice(0, 8) };
}

/** Another model starts from all arms, all segments and its present plans. */
function forgetModelChoices(): void {
  for (const control of OF_A_MODEL) offer(control, [], undefined);
}

/** What the controls say; null when there is no model to choose. */
function currentSelection(): Selection | null {
  const modelVersion = chosenValue('model');
  if (modelVersion === null) return null;
  const segment = chosenValue('segment');
  return {
    modelVersion,
    hourCount: Number(chosenValue('hours')),
    arm: ARMS.find((arm) => arm === chosenValue('arm')) ?? null,
    segment: segment === null ? null : Number(segment),
    dataPlan: chosenValue('data-plan'),
    softwarePlan: chosenValue('software-plan'),
  };
}

/** But for the hours: two ranges share hours that can be compared. */
function isSameSelection(one: Selection, other: Selection): boolean {
  return JSON.stringify({ ...one, hourCount: 0 }) === JSON.stringify({ ...other, hourCount: 0 });
}

function showEmpty(sentence: string | null): void {
  showNote('empty', sentence);
}

function showNote(id: 'empty' | 'other-plans' | 'segment-note', sentence: string | null): void {
  const note = byId(id);
  note.hidden = sentence === null;
  // A status that is written again is read out again.
  if (sentence !== null && note.textContent !== sentence) note.textContent = sentence;
}
