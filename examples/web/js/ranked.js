/**
 * The list of recommendations. An update moves each row from where it was to where it is (first, last, invert, play), so that one
 * sees what a click changed: rows that go fade, rows that come fade in, and beside each stands how far it moved.
 *
 * @typedef {{item: number, key: string, title?: string, score?: number}} Row   no score: nothing is known yet
 */
import { make, named } from './format.js';

const still = matchMedia('(prefers-reduced-motion: reduce)');
const ease = { duration: 480, easing: 'cubic-bezier(0.2, 0.7, 0.2, 1)' };

export class Ranked {
  /** @type {Map<number, {element: HTMLElement, rank: number}>} */
  #rows = new Map();

  /** @param {HTMLElement} list @param {{pick: (row: Row) => void, similar: (row: Row) => void}} on */
  constructor(list, on) {
    this.list = list;
    this.on = on;
  }

  /**
   * @param {Row[]} rows best first
   * @param {boolean} compare  show what moved since the rows before; false for another user's
   * @returns {number} rows that are new or have moved
   */
  update(rows, compare) {
    const before = this.#rows;
    const focused = before.size && document.activeElement?.closest('.ranked') === this.list ? this.#focus() : undefined;
    const places = new Map([...before].map(([item, { element }]) => [item, element.getBoundingClientRect().top]));
    const scale = spans(rows.map(row => row.score ?? 0));

    this.#rows = new Map();
    let changed = 0;
    const elements = rows.map((row, rank) => {
      const old = before.get(row.item);
      const element = old?.element ?? this.#row(row);
      const moved = compare && before.size ? (old ? old.rank - rank : Infinity) : 0;
      if (moved) changed++;
      fill(element, row, rank, moved, scale);
      this.#rows.set(row.item, { element, rank });
      return element;
    });

    const gone = compare ? [...before].filter(([item]) => !this.#rows.has(item)).map(([, { element }]) => element) : [];
    const top = this.list.getBoundingClientRect().top;
    const offsets = gone.map(element => element.getBoundingClientRect().top - top);
    // Where rows are now has been measured, so what still moves them may end.
    for (const element of elements) for (const animation of element.getAnimations()) animation.cancel();
    this.list.replaceChildren(...elements);
    if (focused) this.#refocus(elements, focused);
    if (!still.matches && before.size) {
      gone.forEach((element, i) => this.#leave(element, offsets[i]));
      for (const [item, { element }] of this.#rows) arrive(element, places.get(item));
    }
    return changed;
  }

  /** Forgets all rows: another model has other items under the same numbers. */
  clear() {
    this.#rows.clear();
    this.list.replaceChildren();
  }

  /** Buttons that teach work only while nothing else is being learnt. @param {boolean} may */
  allow(may) {
    for (const button of this.list.querySelectorAll('.pick')) /** @type {HTMLButtonElement} */ (button).disabled = !may;
  }

  /** @param {Row} row */
  #row(row) {
    const name = named('item', row);
    const pick = make('button', { type: 'button', className: 'text pick', textContent: name });
    pick.setAttribute('aria-label', `Take ${name}: the model learns it`);
    pick.addEventListener('click', () => this.on.pick(row));
    const similar = make('button', { type: 'button', className: 'text similar', textContent: 'similar' });
    similar.setAttribute('aria-label', `Items similar to ${name}`);
    similar.addEventListener('click', () => this.on.similar(row));
    const track = make('span', { className: 'track' }, make('span'));
    track.setAttribute('aria-hidden', 'true');
    return make(
      'li',
      {},
      make('span', { className: 'rank' }),
      make('span', { className: 'name' }, pick),
      make('span', { className: 'moved' }),
      similar,
      make('span', { className: 'score' }),
      track,
    );
  }

  /** A row that is no longer recommended: it stays where it was, out of the flow, until it has faded. */
  #leave(/** @type {HTMLElement} */ element, /** @type {number} */ offset) {
    element.classList.add('leaving');
    element.setAttribute('aria-hidden', 'true');
    element.inert = true;
    element.style.top = `${offset}px`;
    this.list.append(element);
    const gone = { opacity: 0, transform: 'translateX(-1.5rem)' };
    element.animate([{ opacity: 1, transform: 'none' }, gone], { ...ease, duration: 300, fill: 'forwards' }).onfinish = () =>
      element.remove();
  }

  /** Which row and which of its buttons has the focus. */
  #focus() {
    const row = /** @type {HTMLElement} */ (document.activeElement?.closest('li'));
    const rank = [...this.#rows.values()].find(r => r.element === row)?.rank ?? 0;
    return { rank, kind: document.activeElement?.classList.contains('similar') ? '.similar' : '.pick' };
  }

  /** The focus stays at its place in the list: the row that had it is often the one that went. */
  #refocus(/** @type {HTMLElement[]} */ elements, /** @type {{rank: number, kind: string}} */ { rank, kind }) {
    /** @type {HTMLElement | null | undefined} */ (
      elements[Math.min(rank, elements.length - 1)]?.querySelector(kind)
    )?.focus({
      preventScroll: true,
    });
  }
}

/**
 * @param {HTMLElement} element @param {Row} row @param {number} rank @param {number} moved
 * @param {(score: number) => [number, number]} scale
 */
function fill(element, row, rank, moved, scale) {
  const part = (/** @type {string} */ name) => /** @type {HTMLElement} */ (element.querySelector(name));
  part('.rank').textContent = String(rank + 1);
  part('.score').textContent = row.score?.toFixed(2).replace('-', '−') ?? '';
  const note = part('.moved');
  note.className = `moved${moved > 0 ? ' up' : ''}`;
  note.textContent = moved === Infinity ? 'new' : moved ? `${moved > 0 ? '↑' : '↓'} ${Math.abs(moved)}` : '';
  const [left, width] = scale(row.score ?? 0);
  Object.assign(part('.track span').style, { left: `${left * 100}%`, width: `${width * 100}%` });
}

/** Bars begin at 0, so that lengths can be compared; scores below 0 go to its left. @param {number[]} scores */
function spans(scores) {
  const low = Math.min(0, ...scores);
  const high = Math.max(0, ...scores);
  const at = (/** @type {number} */ s) => (s - low) / (high - low || 1);
  return (/** @type {number} */ score) =>
    /** @type {[number, number]} */ ([at(Math.min(0, score)), Math.abs(at(score) - at(0))]);
}

/** @param {HTMLElement} element @param {number | undefined} before where its top was */
function arrive(element, before) {
  if (before === undefined) {
    element.animate(
      [
        { opacity: 0, transform: 'translateX(1.5rem)' },
        { opacity: 1, transform: 'none' },
      ],
      ease,
    );
    return;
  }
  const by = before - element.getBoundingClientRect().top;
  if (by) element.animate([{ transform: `translateY(${by}px)` }, { transform: 'none' }], ease);
}
