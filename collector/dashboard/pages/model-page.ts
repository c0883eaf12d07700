/**
 * The model page: what the counts of one model say, beside its baseline, updated as reports are committed.
 *
 * Invariants
 *  - A view is drawn only from answers to the address that it shows. What is chosen is in the address.
 *  - The owner's part comes behind the numbers: neither waits for the other, and without it the page is whole.
 *
 * Not here: numbers (view/view-model.ts), their places (model-figures.ts), what can be chosen (view/selection.ts), the monitor and the
 * incidents of the model (monitor-panel.ts).
 */
import { SERIES_HOUR_COUNT_MAX } from '../../../protocol/limits.ts';
import type { ModelDetail, ModelEntry, PlanDocument } from '../../../protocol/read/read-api.ts';
import { ARMS, HOUR_MS, UNKNOWN_MODEL_VERSION } from '../../../protocol/report/window.ts';
import { byId } from '../../../site/element.ts';
import { fetchModel, fetchModels, fetchNoised, fetchPlan, fetchSeries } from '../ask/api.ts';
import { nameText, whole } from '../charts/figures.ts';
import { timeText } from '../charts/time-text.ts';
import { chosenValue, distinct, modelChoices, offer, whenChosen } from '../parts/controls.ts';
import { setNote, setText } from '../parts/keyed.ts';
import type { Go, News, Page, Wish } from '../parts/page.ts';
import { linkSections, showModelSections } from '../sections/model-sections.ts';
import type { SectionInput } from '../sections/section.ts';
import { type ModelAddress, modelAddress, writeAddress } from '../view/address.ts';
import {
  armChoices,
  type Choice,
  chosenPlan,
  otherPlansSentence,
  planChoices,
  type Selection,
  segmentChoices,
  withheldSentence,
} from '../view/selection.ts';
import { metricLabel, View } from '../view/view-model.ts';
import { LivePanel } from './live-panel.ts';
import { showFigures } from './model-figures.ts';
import { OwnerPanel } from './owner-panel.ts';

/** Controls that ask for other sums. */
const ASKING = ['hours', 'arm', 'segment', 'data-plan', 'software-plan'] as const;
const HOURS: readonly Choice[] = [
  { value: '1', text: 'hour' },
  { value: '24', text: '24 hours' },
  { value: '168', text: '7 days' },
  { value: '720', text: '30 days' },
  { value: String(SERIES_HOUR_COUNT_MAX), text: `${SERIES_HOUR_COUNT_MAX / 24} days` },
];
/** A model of a site's own has no digits to draw: what a page needs comes first, the demo's way second. */
const NO_REPORT =
  'No report in this time. A page counts from client.telemetry.grant() on, and client.telemetry.status() there says what is in the way. ' +
  'In the demo, switch “Send counts” on, run a few digits and press “Send now”.';
const NO_MODEL = 'No model is registered. Start the collector with --models, or register one by POST /v1/models.';

export class ModelPage implements Page<ModelAddress> {
  readonly title = 'Model';
  readonly needsKey = false;
  private readonly live = new LivePanel(byId('live-text'), byId('live-chart'));
  private readonly owner: OwnerPanel;
  private readonly plans = new Map<string, Promise<PlanDocument>>();
  private address: ModelAddress = modelAddress(null);
  private detail: ModelDetail | null = null;
  private view: View | null = null;
  private input: SectionInput | null = null;
  /** The section that the address names is gone to once. */
  private isPartDue = false;
  private models: readonly ModelEntry[] = [];

  constructor(go: Go) {
    this.owner = new OwnerPanel();
    // They scroll, so the keyboard must reach them.
    for (const id of ['phases', 'errors']) {
      for (const [name, value] of Object.entries({ tabindex: '0', role: 'group', 'aria-labelledby': `${id}-title` }))
        byId(id).setAttribute(name, value);
    }
    // Another model starts from all arms, all segments and its present plans.
    whenChosen(['model'], () => {
      const { hourCount, untilHour } = this.address;
      go(modelAddress(chosenValue('model'), { hourCount, untilHour }));
    });
    whenChosen(ASKING, () => go(this.chosen()));
    whenChosen(['metric'], () => {
      this.address = this.chosen();
      go(this.address, 'replace');
      this.drawFigures();
      // The sections show every metric already; a link to one of them says which was chosen.
      if (this.input !== null) linkSections(byId('sections'), this.input.linkOf);
    });
  }

  show(address: ModelAddress): void {
    const isAnother = address.modelVersion !== this.address.modelVersion;
    this.isPartDue = address.part !== null && (this.view === null || address.part !== this.address.part);
    this.address = address;
    const isListed = HOURS.some(({ value }) => value === String(address.hourCount));
    const own = { value: String(address.hourCount), text: `${whole(address.hourCount)} hours` };
    offer('hours', isListed ? HOURS : [...HOURS, own], String(address.hourCount));
    this.offerModels();
    byId('until').hidden = address.untilHour === null;
    setText(byId('until-text'), address.untilHour === null ? '' : `up to ${timeText((address.untilHour + 1) * HOUR_MS)}`);
    byId('until-now').setAttribute('href', writeAddress({ ...address, untilHour: null }));
    if (isAnother) this.detail = null;
    if (this.view !== null && !isAnother) this.draw();
    this.owner.show(this.shownVersion);
    // What stands there is of another address until its own answers are there.
    const { view } = this;
    const isOfAnother =
      view !== null && JSON.stringify(view.selection) !== JSON.stringify(pick({ ...address, modelVersion: this.shownVersion ?? '' }));
    this.setBusy(isOfAnother);
  }

  heard(news: News): Wish {
    if (news.what === 'connected') {
      this.detail = null;
      return 'now';
    }
    if (news.what === 'incident') {
      this.owner.forget();
      return 'now';
    }
    const { modelVersion } = news;
    if (modelVersion === this.shownVersion || modelVersion === UNKNOWN_MODEL_VERSION) return 'now';
    return this.models.some((model) => model.modelVersion === modelVersion) ? 'never' : 'look';
  }

  /** Whether there are other models to choose from, or other plans and baselines of the chosen one. */
  async look(signal: AbortSignal): Promise<boolean> {
    return this.takeModels(await fetchModels(signal));
  }

  async load(address: ModelAddress, signal: AbortSignal): Promise<void> {
    this.takeModels(await fetchModels(signal));
    signal.throwIfAborted();
    const modelVersion = this.shownVersion;
    const problem =
      modelVersion === null ? NO_MODEL : this.models.some((of) => of.modelVersion === modelVersion) ? null : notHere(modelVersion);
    for (const id of ['model-figures', 'tiles', 'sections']) byId(id).hidden = problem !== null;
    if (modelVersion === null || problem !== null) {
      setNote(byId('empty'), problem);
      return;
    }
    const next = await this.fetchView({ ...address, modelVersion }, signal);
    signal.throwIfAborted();
    this.take(next);
    this.setBusy(false);
    const hasNews = await this.owner.load({ modelVersion, models: this.models, segments: next.plan.segments }, signal);
    if (hasNews) this.drawSections();
  }

  /** The chosen one, or the first there is. */
  private get shownVersion(): string | null {
    return this.address.modelVersion ?? this.models[0]?.modelVersion ?? null;
  }

  private setBusy(isBusy: boolean): void {
    for (const id of ['tiles', 'model-figures', 'sections']) byId(id).setAttribute('aria-busy', String(isBusy));
  }

  private offerModels(): void {
    offer('model', modelChoices(this.models), this.shownVersion);
  }

  /** @returns Whether another model is shown now, or the same one is registered anew. */
  private takeModels(models: readonly ModelEntry[]): boolean {
    const before = this.shownVersion;
    const entryOf = (of: readonly ModelEntry[]) => JSON.stringify(of.find(({ modelVersion }) => modelVersion === before));
    const isAnew = entryOf(this.models) !== entryOf(models);
    this.models = models;
    this.offerModels();
    const isAnother = before !== this.shownVersion || isAnew;
    if (isAnother) this.detail = null;
    return isAnother;
  }

  /** What the controls say. */
  private chosen(): ModelAddress {
    const segment = chosenValue('segment');
    return {
      ...{ page: 'model', modelVersion: this.shownVersion, untilHour: this.address.untilHour, hourCount: Number(chosenValue('hours')) },
      ...{ arm: ARMS.find((arm) => arm === chosenValue('arm')) ?? null, segment: segment === null ? null : Number(segment) },
      ...{ dataPlan: this.planChosen('data'), softwarePlan: this.planChosen('software'), metric: this.metricChosen(), part: null },
    };
  }

  /** null for the present plan, so that a link goes on with the next release. */
  private planChosen(kind: 'data' | 'software'): string | null {
    const hash = chosenValue(`${kind}-plan`);
    return this.detail?.plans.find((plan) => plan.hash === hash)?.isPresent === true ? null : hash;
  }

  private metricChosen(): string | null {
    const metric = chosenValue('metric');
    return metric === this.view?.headline?.id ? null : metric;
  }

  private async fetchView(selection: Selection, signal: AbortSignal): Promise<View> {
    const { modelVersion, hourCount, untilHour, arm, segment, dataPlan, softwarePlan } = selection;
    const detail = this.detail?.modelVersion === modelVersion ? this.detail : await fetchModel(modelVersion, signal);
    signal.throwIfAborted();
    this.detail = detail;
    const hashes = { data: chosenPlan(detail, 'data', dataPlan).hash, software: chosenPlan(detail, 'software', softwarePlan).hash };
    const range = { hourCount, untilHour, arm };
    const [series, unattributed, data, software] = await Promise.all([
      fetchSeries({ ...hashes, ...range, modelVersion, segment }, signal),
      // Software has no segment.
      fetchSeries({ ...hashes, ...range, modelVersion: UNKNOWN_MODEL_VERSION, segment: null, data: null }, signal),
      this.planOf(modelVersion, hashes.data),
      this.planOf(modelVersion, hashes.software),
    ]);
    signal.throwIfAborted();
    offer('arm', armChoices(series, selection), arm);
    offer('segment', segmentChoices(data.plan), segment === null ? null : String(segment));
    offer('data-plan', planChoices(detail, series, 'data', dataPlan), data.hash);
    offer('software-plan', planChoices(detail, series, 'software', softwarePlan), software.hash);
    const isNoised = untilHour === null && series.totals.some(({ report }) => report === 'noised');
    const noised = isNoised ? await fetchNoised(modelVersion, hourCount, signal) : null;
    signal.throwIfAborted();
    const of = { detail, series, unattributed, plans: { data, software }, selection: pick(selection) };
    this.input = {
      ...{ ...of, noised },
      ask: (narrowed) => fetchSeries({ ...hashes, modelVersion, hourCount, untilHour, ...narrowed }, signal),
      findingOf: (metricId) => this.owner.findingOf(metricId, { arm, segment }),
      linkOf: (part) => writeAddress({ ...this.address, modelVersion, part }),
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
    const wanted = metrics.some(({ value }) => value === this.address.metric) ? this.address.metric : next.headline?.id;
    offer('metric', distinct(metrics), wanted);
    this.draw();
  }

  private draw(): void {
    const { view, detail } = this;
    if (view === null || detail === null) return;
    const hidden =
      [otherPlansSentence(detail, view.hidden), withheldSentence(view.series)].filter((text) => text !== null).join(' ') || null;
    setNote(byId('empty'), view.reports === 0 && hidden === null ? NO_REPORT : null);
    setNote(byId('other-plans'), hidden);
    const isCut = view.selection.segment !== null;
    setNote(
      byId('segment-note'),
      isCut ? 'Loads, latency and errors are those of all segments: software reports are not cut by segment.' : null,
    );
    this.drawFigures();
    this.drawSections();
  }

  private drawFigures(): void {
    if (this.view === null) return;
    const metricId = chosenValue('metric');
    showFigures(this.view, metricId);
    this.live.show(this.view, metricId);
  }

  private drawSections(): void {
    if (this.input !== null) showModelSections(byId('sections'), this.input);
    const { part } = this.address;
    const section = part === null ? null : document.getElementById(part);
    if (!this.isPartDue || section === null || section.closest('#sections') === null) return;
    this.isPartDue = false;
    section.scrollIntoView();
    section.focus({ preventScroll: true });
  }
}

function notHere(modelVersion: string): string {
  return `Model version ${nameText(modelVersion)} is not registered here. Choose another one, or go to the overview.`;
}

function pick({ modelVersion, hourCount, untilHour, arm, segment, dataPlan, softwarePlan }: Selection): Selection {
  return { modelVersion, hourCount, untilHour, arm, segment, dataPlan, softwarePlan };
}

/** But for the hours: two ranges share hours that can be compared. */
function isSameSelection(one: Selection, other: Selection): boolean {
  return JSON.stringify({ ...one, hourCount: 0 }) === JSON.stringify({ ...other, hourCount: 0 });
}
