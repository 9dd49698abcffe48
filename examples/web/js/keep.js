/** The part of the page about the model as a thing to keep: its size, saved or not, downloads. */
import { download } from './drop.js';
import { DeadWorker } from './engine.js';
import { byId, bytes, moment, tell } from './format.js';

export class Keep {
  #name = '';
  #size = '';

  /** @param {import('./engine.js').Engine} engine @param {{choose: () => void}} on */
  constructor(engine, on) {
    this.engine = engine;
    byId('export-whole').addEventListener('click', () => this.#export('whole'));
    byId('export-user').addEventListener('click', () => this.#export('user'));
    byId('import').addEventListener('click', on.choose);
  }

  /** @param {any} model @param {import('./store.js').Saved} [saved] */
  open(model, saved) {
    this.#name = model.name.replace(/\.[a-z0-9]{1,8}$/i, '');
    this.#size = `The model takes ${bytes(model.bytes)} in memory.`;
    tell(byId('keep-error'));
    if (saved) this.saved(saved);
    else byId('keep-text').textContent = `${this.#size} Not saved yet.`;
  }

  /** @param {import('./store.js').Saved} saved */
  saved(saved) {
    byId('keep-text').textContent = `${this.#size} Saved in this browser ${moment(saved.time)}, ${bytes(saved.bytes)}.`;
    tell(byId('keep-error'));
  }

  /** @param {string} message */
  unsaved(message) {
    tell(byId('keep-error'), `Not saved: ${message}\nWhat was saved before is still there.`);
  }

  /** @param {'whole' | 'user'} kind */
  async #export(kind) {
    try {
      const blob = await this.engine.call('export', kind);
      const user = kind === 'user' ? `-${/** @type {HTMLInputElement} */ (byId('user')).value}` : '';
      download(blob, `${this.#name}${user}`.replace(/[^\p{L}\p{N}._-]+/gu, '-').toLowerCase() + '.safetensors');
      tell(byId('keep-error'));
    } catch (error) {
      if (!(error instanceof DeadWorker)) tell(byId('keep-error'), /** @type {Error} */ (error).message);
    }
  }
}
