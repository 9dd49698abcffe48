/** The empty page: made-up data, a file, the settings, and what is saved. */
import { byId, bytes, counted, make, moment, tell } from './format.js';
import * as store from './store.js';

/** What is typed into the settings, as numbers where it is one. */
function values() {
  const form = /** @type {HTMLFormElement} */ (/** @type {unknown} */ (byId('settings')));
  /** @type {Record<string, any>} */
  const all = {};
  for (const field of form.querySelectorAll('input, select')) {
    const { name, type, value } = /** @type {HTMLInputElement} */ (field);
    // An empty field is left to the library, which has a default for all of them.
    if (value !== '') all[name] = type === 'number' ? Number(value) : value;
  }
  return all;
}

export class Start {
  /** @param {{planted: () => void, choose: () => void, open: (saved: store.Saved) => void}} on */
  constructor(on) {
    this.on = on;
    byId('planted').addEventListener('click', on.planted);
    byId('choose').addEventListener('click', on.choose);
    byId('settings').addEventListener('submit', event => event.preventDefault());
  }

  /** Of the model and its training. @returns {import('./session.js').Settings} */
  get settings() {
    const { users, items, perUser, ...settings } = values();
    return settings;
  }

  /** Of the made-up data. The seed is the training's: one number makes all of it. */
  get planted() {
    const { users, items, perUser, seed } = values();
    return { users, items, perUser, seed };
  }

  get device() {
    return values().device;
  }

  /** An error of opening something. @param {string} [message] */
  tell(message) {
    tell(byId('start-error'), message);
  }

  /** Reads anew what is saved. */
  async refresh() {
    tell(byId('saved-error'));
    /** @type {store.Saved[]} */
    let all = [];
    try {
      all = await store.list();
    } catch (error) {
      tell(byId('saved-error'), `The browser does not give out what is saved: ${/** @type {Error} */ (error).message}`);
    }
    byId('saved').hidden = !all.length && byId('saved-error').hidden;
    byId('saved-list').replaceChildren(...all.map(saved => this.#row(saved)));
  }

  /** @param {store.Saved} saved */
  #row(saved) {
    const open = make('button', { type: 'button', textContent: 'Open' });
    open.setAttribute('aria-label', `Open ${saved.name}`);
    open.addEventListener('click', () => this.on.open(saved));
    const remove = make('button', { type: 'button', textContent: 'Delete' });
    remove.setAttribute('aria-label', `Delete ${saved.name}`);
    // No question is asked in a dialogue; the button itself asks, and one can think better of it.
    remove.addEventListener('blur', () => (remove.textContent = 'Delete'));
    remove.addEventListener('click', async () => {
      if (remove.textContent === 'Delete') return void (remove.textContent = 'Really?');
      try {
        await store.remove(saved.id);
        await this.refresh();
      } catch (error) {
        tell(byId('saved-error'), /** @type {Error} */ (error).message);
      }
    });
    const size = [
      counted(saved.users, 'user'),
      counted(saved.items, 'item'),
      counted(saved.epoch, 'epoch'),
      bytes(saved.bytes),
    ];
    const what = [`Saved ${moment(saved.time)}`, ...size];
    return make(
      'li',
      {},
      make(
        'div',
        {},
        make('strong', { textContent: saved.name }),
        make('p', { className: 'quiet', textContent: what.join(' · ') }),
      ),
      make('div', { className: 'actions' }, open, remove),
    );
  }
}
