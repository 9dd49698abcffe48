/**
 * A model that is open in the worker: the recommender of the wasm package, and what the page remembers beside it (curves, name,
 * the user last looked at). Everything here runs in the worker, one call at a time.
 *
 * @typedef {object} Settings   what `Recommender.create` takes beside the data
 * @typedef {{file: File, titles?: File} | {planted: {users: number, items: number, perUser: number, seed: number}}} Source
 */
import { extend, none } from './curves.js';
import * as store from './store.js';

/** @param {{file: File, titles?: File}} files what `Recommender.create` takes of them */
async function contents({ file, titles }) {
  const bytes = async (/** @type {File} */ of) => new Uint8Array(await of.arrayBuffer());
  const ratings = { ratings: await bytes(file), name: file.name };
  return titles ? { ...ratings, titles: await bytes(titles), titlesName: titles.name } : ratings;
}

export class Session {
  curves = none();
  /** Time spent in training, in seconds. */
  seconds = 0;
  user = 0;
  /** @type {{hr: number, ndcg: number} | undefined} how well it ranks what most users have: what a model has to be better than */
  popularity;
  /** Changed since it was last saved. */
  dirty = false;
  /** @type {string[]} users' keys in lower case, made when they are first searched */
  #searched = [];
  /** @type {() => void} */
  #release = () => {};

  /** @param {any} recommender @param {string} name */
  constructor(recommender, name) {
    this.recommender = recommender;
    this.name = name;
    this.id = store.newId();
  }

  /** @param {any} Recommender @param {Source} source @param {Settings} settings */
  static async create(Recommender, source, settings) {
    const session = new Session(
      await Recommender.create('file' in source ? await contents(source) : source, settings),
      'file' in source ? source.file.name : 'Made-up data',
    );
    session.popularity = await session.recommender.popularity();
    await session.#claim();
    return session;
  }

  /** A checkpoint from a file. @param {any} Recommender @param {File} file @param {string} device */
  static async import(Recommender, file, device) {
    const recommender = await Recommender.load(new Uint8Array(await file.arrayBuffer()), device);
    const session = new Session(recommender, file.name.replace(/\.safetensors$/i, ''));
    session.dirty = true;
    // A file for one user has no histories to count in.
    session.popularity = await recommender.popularity().catch((/** @type {unknown} */ error) => {
      if (error instanceof WebAssembly.RuntimeError) throw error;
    });
    await session.#claim();
    return session;
  }

  /** A checkpoint of the store. @param {any} Recommender @param {string} id @param {string} device */
  static async open(Recommender, id, device) {
    const { saved, file } = await store.get(id);
    const session = new Session(await Recommender.load(file, device), saved.name);
    const { curves, seconds, user, popularity } = saved;
    Object.assign(session, { curves, seconds, user, popularity });
    // Where another tab has it open, what is learnt here goes into a copy: two tabs must not save over each other.
    if (!(await session.#claim(id))) {
      session.name += ' (copy)';
      await session.#claim();
    }
    return session;
  }

  /** Takes an id for this tab as long as the session lives. @returns {Promise<boolean>} whether it was free */
  async #claim(id = this.id) {
    if (!navigator.locks) {
      this.id = id;
      return true;
    }
    return new Promise(claimed => {
      navigator.locks.request(`pocketrec-model-${id}`, { ifAvailable: true }, lock => {
        if (lock) this.id = id;
        claimed(Boolean(lock));
        return lock && new Promise(release => (this.#release = /** @type {() => void} */ (release)));
      });
    });
  }

  /** What the page shows of the whole. */
  async describe() {
    const r = this.recommender;
    return {
      id: this.id,
      name: this.name,
      device: r.device,
      users: r.users,
      items: r.items,
      epoch: r.epoch,
      epochs: r.epochs,
      bytes: r.bytes,
      user: this.user,
      curves: this.curves,
      popularity: this.popularity,
      seconds: this.seconds,
      done: r.done,
    };
  }

  /** Trains for some milliseconds. @param {number} milliseconds */
  async slice(milliseconds) {
    const begin = performance.now();
    const report = await this.recommender.fitSlice(milliseconds);
    this.seconds += (performance.now() - begin) / 1000;
    this.dirty = true;
    extend(this.curves, report);
    return { ...report, seconds: this.seconds };
  }

  /** @param {number} index */
  async item(index) {
    const r = this.recommender;
    return { item: index, key: await r.itemKey(index), title: await r.itemTitle(index) };
  }

  /** @param {{item: number, score: number}[]} list */
  #scored(list) {
    return Promise.all(list.map(async ({ item, score }) => ({ ...(await this.item(item)), score })));
  }

  /**
   * A user's history, the latest first, and what is recommended. The number after the last user is someone new, who is known once an
   * item is taken; to choose from there are some items at random.
   * @param {number} user @param {number} k
   */
  async look(user, k) {
    const r = this.recommender;
    if (user >= r.users) {
      const some = new Set(Array.from({ length: 8 * k }, () => Math.floor(Math.random() * r.items)));
      const best = await Promise.all([...some].slice(0, k).map(item => this.item(item)));
      return { user: r.users, users: r.users, key: 'someone new', known: 0, history: [], best };
    }
    this.user = user;
    const [history, best] = [await r.history(user), await r.recommend(user, k)];
    const latest = [...history].reverse();
    return {
      user,
      users: r.users,
      key: (await r.userKey(user)) ?? `new, ${user}`,
      known: latest.length,
      history: await Promise.all(latest.slice(0, k).map(item => this.item(item))),
      best: await this.#scored(best),
    };
  }

  /** Learns that the user took the item. @param {number} user @param {number} item */
  async absorb(user, item) {
    const { milliseconds } = await this.recommender.absorb(Uint32Array.of(user), Uint32Array.of(item));
    this.dirty = true;
    return milliseconds;
  }

  /** @param {number} item @param {number} k */
  async similar(item, k) {
    return this.#scored(await this.recommender.similarItems(item, k));
  }

  /** Users whose key begins with the text, then those that have it anywhere. @param {string} text @param {number} limit */
  async find(text, limit) {
    const r = this.recommender;
    const searched = this.#searched;
    // There may be new users since the last search.
    if (searched.length !== r.users) {
      searched.length = 0;
      for (let user = 0; user < r.users; user++) searched.push(((await r.userKey(user)) ?? `new, ${user}`).toLowerCase());
    }
    const wanted = text.trim().toLowerCase();
    const first = [];
    const then = [];
    for (let user = 0; user < searched.length && first.length < limit; user++) {
      const at = searched[user].indexOf(wanted);
      if (at === 0) first.push(user);
      else if (at > 0 && then.length < limit) then.push(user);
    }
    const found = [...first, ...then].slice(0, limit);
    return Promise.all(found.map(async user => ({ user, key: (await r.userKey(user)) ?? `new, ${user}` })));
  }

  /** A file to take away. @param {'whole' | 'user'} kind @returns {Promise<Blob>} */
  async export(kind) {
    const r = this.recommender;
    const bytes = kind === 'whole' ? await r.save() : await r.export({ rows: 'i8', users: Uint32Array.of(this.user) });
    return new Blob([bytes], { type: 'application/octet-stream' });
  }

  /** Into the browser's store; what was there stays until all of this is. @returns {Promise<store.Saved>} */
  async save() {
    this.dirty = false;
    try {
      const file = await this.recommender.save();
      const { id, name, user, curves, seconds, popularity } = this;
      const { users, items, epoch } = this.recommender;
      const saved = {
        id,
        name,
        users,
        items,
        epoch,
        bytes: file.length,
        time: Date.now(),
        seconds,
        user,
        curves,
        popularity,
      };
      await store.put(saved, file);
      return saved;
    } catch (error) {
      this.dirty = true;
      throw error;
    }
  }

  close() {
    this.#release();
    this.recommender.free?.();
  }
}
