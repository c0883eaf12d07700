/**
 * The collector page: how the collector itself does.
 *
 * Not here: which numbers (view/own-load.ts), those of models.
 */
import { byId, element } from '../../../site/element.ts';
import { fetchMetrics } from '../ask/api.ts';
import { whole } from '../charts/figures.ts';
import { KeyedList, type Row, setText } from '../parts/keyed.ts';
import type { News, Page, Wish } from '../parts/page.ts';
import { cell } from '../parts/table-cells.ts';
import { type LoadFigure, loadFigures, type RouteRow, routeRows, samplesOf } from '../view/own-load.ts';

export class CollectorPage implements Page {
  readonly title = 'Collector';
  readonly needsKey = false;
  private readonly body = byId('collector-body');
  private readonly figures: KeyedList<LoadFigure>;
  private readonly routes: KeyedList<RouteRow>;

  constructor() {
    const tiles = element('dl', { class: 'tiles' });
    const rows = element('tbody');
    this.figures = new KeyedList(tiles, ({ title }) => title, makeTile);
    this.routes = new KeyedList(rows, ({ route, status }) => `${route} ${status}`, makeRoute);
    const head = element(
      'tr',
      {},
      ...['Request', 'Answer', 'Count'].map((title, index) => element('th', { scope: 'col', class: index === 2 ? 'number' : null }, title)),
    );
    const inside = element('table', {}, element('thead', {}, head), rows);
    const title = element('h2', { id: 'routes-title' }, 'Requests since the start');
    const region = element('div', { class: 'scroll-x', tabindex: 0, role: 'group', 'aria-labelledby': 'routes-title' }, inside);
    this.body.replaceChildren(tiles, element('section', { class: 'card', 'aria-labelledby': 'routes-title' }, title, region));
    this.body.classList.add('stack');
    this.body.hidden = true;
  }

  show(): void {
    // What was shown is still true.
  }

  heard({ what }: News): Wish {
    return what === 'connected' ? 'now' : 'soon';
  }

  async load(_address: unknown, signal: AbortSignal): Promise<void> {
    const samples = samplesOf(await fetchMetrics(signal));
    signal.throwIfAborted();
    if (samples.length === 0) throw new Error('This collector tells nothing of its own load: it is of an earlier release.');
    this.figures.show(loadFigures(samples, Date.now()));
    this.routes.show(routeRows(samples));
    this.body.hidden = false;
  }
}

function makeTile(): Row<LoadFigure> {
  const [title, value, detail] = [element('dt'), element('dd'), element('dd', { class: 'detail' })];
  return {
    node: element('div', { class: 'tile' }, title, value, detail),
    update: (figure) => {
      setText(title, figure.title);
      setText(value, figure.value);
      setText(detail, figure.detail);
    },
  };
}

function makeRoute(): Row<RouteRow> {
  const [route, status, count] = [
    element('th', { scope: 'row' }),
    cell('Answer'),
    element('td', { class: 'number', 'data-title': 'Count' }),
  ];
  return {
    node: element('tr', {}, route, status, count),
    update: (row) => {
      setText(route, row.route);
      setText(status, row.status);
      setText(count, whole(row.count));
    },
  };
}
