import { newId } from './store.js';

/**
 * The page's end of the worker: calls that are answered by promises, events, and the news that the worker is dead.
 *
 * Events: `progress` (detail: report), `saved` (detail: what was saved), `failed` (of training), `unsaved` and `dead` (detail: a
 * message).
 */
export class Engine extends EventTarget {
  /** @type {Worker | undefined} */
  #worker;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (error: Error) => void}>} */
  #open = new Map();
  #next = 0;
  /** @type {Promise<void> | undefined} */
  #ready;

  /** Starts the worker unless it runs. @returns {Promise<void>} */
  #start() {
    this.#ready ??= new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
      this.#worker = worker;
      const lock = `pocketrec-worker-${newId()}`;
      const ended = (/** @type {string} */ message) => {
        if (this.#worker !== worker) return;
        reject(new Error(message));
        this.#bury(message);
      };
      worker.onerror = event => {
        event.preventDefault();
        ended(event.message || 'a file of it cannot be loaded');
      };
      worker.onmessage = ({ data }) => {
        if (data.event === 'ready') {
          navigator.locks?.request(lock, () => ended('it ended without a word, as happens when memory runs out'));
          resolve();
        } else if (data.event === 'missing') {
          ended(`the WebAssembly package cannot be loaded (${data.message}); build it by examples/web/build.sh`);
        } else if (data.event === 'dead') {
          ended(data.message);
        } else if (data.event) {
          const { event, ...rest } = data;
          this.dispatchEvent(new CustomEvent(event, { detail: Object.values(rest)[0] }));
        } else {
          const call = this.#open.get(data.id);
          this.#open.delete(data.id);
          if ('error' in data) call?.reject(new Error(data.error));
          else call?.resolve(data.value);
        }
      };
      worker.postMessage({ lock });
    });
    return this.#ready;
  }

  /** @param {string} message */
  #bury(message) {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#ready = undefined;
    const open = [...this.#open.values()];
    this.#open.clear();
    this.dispatchEvent(new CustomEvent('dead', { detail: message }));
    // Whoever waits is told by the event, in one place; a promise that never ends would hold buttons back.
    for (const call of open) call.reject(new DeadWorker(message));
  }

  /** @param {string} call @param {...any} args @returns {Promise<any>} */
  async call(call, ...args) {
    try {
      await this.#start();
    } catch (error) {
      throw new DeadWorker(/** @type {Error} */ (error).message);
    }
    const worker = this.#worker;
    if (!worker) throw new DeadWorker('the worker ended');
    return new Promise((resolve, reject) => {
      const id = this.#next++;
      this.#open.set(id, { resolve, reject });
      worker.postMessage({ id, call, args });
    });
  }
}

/** A call that cannot be answered any more; the event `dead` has said so. */
export class DeadWorker extends Error {}
