/** The part of the page that recommends: a user, what this user had, what is recommended, what is similar. */
import { DeadWorker } from './engine.js';
import { byId, count, counted, make, milliseconds, named, tell } from './format.js';
import { Picker } from './picker.js';
import { Ranked } from './ranked.js';

/** Rows of each list. */
const ROWS = 10;

export class Taste {
  #user = 0;
  #users = 1;
  /** Items in this user's history. */
  #known = 0;
  /** Answers that are waited for. */
  #waits = 0;
  /** A click is being learnt. */
  #busy = false;
  /** Nothing is learnt from clicks while the model trains. */
  #may = false;
  /** @type {number | undefined} the item that was learnt last, for its place in the history */
  #fresh;

  /** @param {import('./engine.js').Engine} engine */
  constructor(engine) {
    this.engine = engine;
    this.picker = new Picker(/** @type {HTMLInputElement} */ (byId('user')), byId('users'), {
      find: text => engine.call('find', text, 50).catch(() => []),
      pick: user => this.look(user),
    });
    this.ranked = new Ranked(byId('best'), { pick: row => this.#learn(row), similar: row => this.#similar(row) });
    byId('another').addEventListener('click', () => this.look(Math.floor(Math.random() * this.#users)));
    byId('nobody').addEventListener('click', () => this.look(Infinity));
  }

  /** @param {any} model */
  async open(model) {
    this.#fresh = undefined;
    // No user of this model: the lists that are there are another's, and nothing is to be compared with them.
    this.#user = -1;
    this.ranked.clear();
    byId('alike').replaceChildren();
    byId('alike-title').textContent = 'Similar items';
    byId('alike-hint').hidden = false;
    await this.look(Math.min(model.user, model.users - 1));
  }

  /** Whether clicks teach: not while training runs. @param {boolean} may */
  set may(may) {
    this.#may = may;
    this.ranked.allow(may);
    this.#hint();
  }

  /** What a click does, where the last one's effect is not told. */
  #hint() {
    if (!this.#may) byId('learned').textContent = 'Pause the training to teach it by clicks.';
    else if (!this.#known) byId('learned').textContent = 'Nothing is known of someone new: take the first item.';
    else if (this.#fresh === undefined) byId('learned').textContent = 'Take an item, and the model learns it at once.';
  }

  /** Shows a user, or the same one anew. @param {number} user */
  async look(user = this.#user) {
    await this.#try(async () => {
      const shown = await this.engine.call('look', user, ROWS);
      const same = shown.user === this.#user;
      if (!same) this.#fresh = undefined;
      this.#user = shown.user;
      this.#show(shown, same);
      this.#hint();
    });
  }

  /** @param {any} shown @param {boolean} compare @returns {number} how many rows changed */
  #show({ key, users, known, history, best }, compare) {
    this.#users = users;
    this.picker.show(key);
    byId('history-title').textContent = known ? 'Had, the latest first' : 'Had nothing yet';
    this.#known = known;
    byId('history').replaceChildren(
      ...history.map((/** @type {any} */ row) => {
        const button = make('button', { type: 'button', className: 'text', textContent: named('item', row) });
        button.setAttribute('aria-label', `Items similar to ${named('item', row)}`);
        button.addEventListener('click', () => this.#similar(row));
        return make('li', { className: row.item === this.#fresh ? 'fresh' : '' }, button);
      }),
    );
    const more = known - history.length;
    byId('history-more').textContent = more > 0 ? `and ${count(more)} more` : '';
    const changed = this.ranked.update(best, compare);
    this.ranked.allow(this.#may);
    return changed;
  }

  /** @param {import('./ranked.js').Row} row */
  async #learn(row) {
    if (this.#busy || !this.#may) return;
    this.#busy = true;
    await this.#try(async () => {
      const took = await this.engine.call('absorb', this.#user, row.item);
      this.#fresh = row.item;
      const shown = await this.engine.call('look', this.#user, ROWS);
      const changed = this.#show(shown, true);
      byId('learned').replaceChildren(
        make('b', { textContent: `Learned in ${milliseconds(took)}.` }),
        ` ${named('item', row)} is in the history; ${changed} of ${counted(shown.best.length, 'place')} changed.`,
      );
    });
    this.#busy = false;
  }

  /** @param {{item: number, key: string, title?: string}} row */
  async #similar(row) {
    await this.#try(async () => {
      const alike = await this.engine.call('similar', row.item, ROWS);
      byId('alike-title').textContent = `Similar to ${named('item', row)}`;
      byId('alike-hint').hidden = true;
      byId('alike').replaceChildren(
        ...alike.map((/** @type {any} */ other) =>
          make(
            'li',
            {},
            make('span', { textContent: named('item', other) }),
            make('span', { className: 'score', textContent: other.score.toFixed(2).replace('-', '−') }),
          ),
        ),
      );
    });
  }

  /** What fails here is said here. @param {() => Promise<void>} body */
  async #try(body) {
    byId('taste').setAttribute('aria-busy', String(++this.#waits > 0));
    try {
      await body();
      tell(byId('taste-error'));
    } catch (error) {
      if (!(error instanceof DeadWorker)) tell(byId('taste-error'), /** @type {Error} */ (error).message);
    }
    byId('taste').setAttribute('aria-busy', String(--this.#waits > 0));
  }
}
