/**
 * A field that finds users by their key (the combobox of the ARIA practices): arrows walk the list, Enter takes, Escape closes.
 */
import { make } from './format.js';

export class Picker {
  /** @type {{user: number, key: string}[]} */
  #found = [];
  #active = -1;
  #asked = 0;
  #key = '';

  /**
   * @param {HTMLInputElement} input @param {HTMLElement} list
   * @param {{find: (text: string) => Promise<{user: number, key: string}[]>, pick: (user: number) => void}} on
   */
  constructor(input, list, on) {
    Object.assign(this, { input, list, on });
    this.input = input;
    this.list = list;
    this.on = on;
    input.addEventListener('input', () => this.#search(input.value));
    // What is in the field is the user that is shown: one types over it.
    input.addEventListener('focus', () => input.select());
    input.addEventListener('blur', () => this.#close());
    input.addEventListener('keydown', event => this.#keydown(event));
    // mousedown: before the field loses the focus, which closes the list.
    list.addEventListener('mousedown', event => event.preventDefault());
    list.addEventListener('click', event => {
      const option = /** @type {HTMLElement} */ (event.target).closest('li');
      if (option?.dataset.user) this.#take(Number(option.dataset.user), option.textContent ?? '');
    });
  }

  /** The user that is shown. @param {string} key */
  show(key) {
    this.#key = key;
    if (document.activeElement !== this.input || this.list.hidden) this.input.value = key;
  }

  /** @param {string} text */
  async #search(text) {
    const asked = ++this.#asked;
    const found = await this.on.find(text);
    // Answers come in order, but the field may have been left meanwhile.
    if (asked !== this.#asked || document.activeElement !== this.input) return;
    this.#found = found;
    this.#active = found.length ? 0 : -1;
    this.list.hidden = false;
    this.input.setAttribute('aria-expanded', 'true');
    this.list.replaceChildren(
      ...(found.length
        ? found.map(({ user, key }, i) => {
            const option = make('li', { id: `user-${i}`, textContent: key });
            option.setAttribute('role', 'option');
            option.dataset.user = String(user);
            return option;
          })
        : [make('li', { className: 'quiet', textContent: 'No such user' })]),
    );
    this.#mark();
  }

  #mark() {
    [...this.list.children].forEach((option, i) => option.setAttribute('aria-selected', String(i === this.#active)));
    const active = this.list.children[this.#active];
    if (this.#active >= 0) this.input.setAttribute('aria-activedescendant', `user-${this.#active}`);
    else this.input.removeAttribute('aria-activedescendant');
    active?.scrollIntoView({ block: 'nearest' });
  }

  /** @param {KeyboardEvent} event */
  #keydown(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.list.hidden) this.#search('');
    else if (step && this.#found.length) {
      this.#active = (this.#active + step + this.#found.length) % this.#found.length;
      this.#mark();
    } else if (event.key === 'Enter' && !this.list.hidden && this.#active >= 0) {
      const { user, key } = this.#found[this.#active];
      this.#take(user, key);
    } else if (event.key === 'Escape') this.#close();
    else return;
    event.preventDefault();
  }

  /** @param {number} user @param {string} key */
  #take(user, key) {
    this.#key = key;
    this.#close();
    this.on.pick(user);
  }

  #close() {
    this.#asked++;
    this.list.hidden = true;
    this.input.setAttribute('aria-expanded', 'false');
    this.input.removeAttribute('aria-activedescendant');
    this.input.value = this.#key;
  }
}
