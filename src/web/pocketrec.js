/**
 * pocketrec in a browser: trains and recommends where it runs. Meant for a Worker, since on the processor a call computes before
 * its promise is there. What is wrong with arguments, files, settings or the device rejects with an `Error` that says so.
 *
 * Beside this file lie `cpu.js` with its module and, in a build with WebGPU, `gpu.js`; whichever is needed is loaded once.
 */

/** @type {Map<string, Promise<any>>} */
const packages = new Map();

/** Loads a package, once. A download that failed is tried again by the next call. @param {string} name */
function load(name) {
  let loading = packages.get(name);
  if (!loading) {
    const module_or_path = new URL(`./${name}_bg.wasm`, import.meta.url);
    loading = import(`./${name}.js`).then(async module => (await module.default({ module_or_path }), module));
    loading.catch(() => packages.delete(name));
    packages.set(name, loading);
  }
  return loading;
}

/** Why WebGPU cannot be used here, if it cannot. @returns {Promise<string | undefined>} */
async function withoutGpu() {
  if (!navigator.gpu) return 'this browser has no WebGPU here';
  if (!('Suspending' in WebAssembly)) return 'this browser cannot suspend WebAssembly (JSPI)';
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  if (!adapter) return 'WebGPU has no adapter here';
  return load('gpu').then(() => undefined, error => `its package cannot be loaded: ${error.message}`);
}

/**
 * The package for a device, and why it is not the one with WebGPU.
 * @param {string} device
 */
async function packageFor(device) {
  const name = device.trim().toLowerCase();
  if (name === 'cpu') return { raw: await load('cpu') };
  const reason = await withoutGpu();
  if (!reason) return { raw: await load('gpu') };
  if (name && name !== 'auto') throw new Error(`device: ${device}: ${reason}; cpu and auto work everywhere`);
  return { raw: await load('cpu'), reason };
}

/** JSON in which a number that is none stays one that is refused. @param {object} settings */
function json(settings) {
  const isNone = (/** @type {unknown} */ value) => typeof value === 'number' && !Number.isFinite(value);
  return JSON.stringify(settings, (_, value) => (isNone(value) ? String(value) : value));
}

/** @param {string} what @param {unknown} value @param {Function} type */
function checked(what, value, type) {
  if (value instanceof type) return value;
  throw new TypeError(`${what}: give a ${type.name}`);
}

/** What goes with each kind of data. @type {Record<string, string[]>} */
const PARTS = {
  ratings: ['ratings', 'name', 'titles', 'titlesName'],
  users: ['users', 'items', 'times'],
  planted: ['planted'],
};

/** @param {any} raw @param {any} data */
function dataOf(raw, data) {
  const given = Object.keys(PARTS).filter(kind => data?.[kind] !== undefined);
  if (given.length !== 1) throw new TypeError('data: give one of ratings, users (with items) and planted');
  const known = PARTS[given[0]];
  const unknown = Object.keys(data).find(key => !known.includes(key));
  if (unknown) throw new TypeError(`data: ${unknown} does not go with ${given[0]}`);
  switch (given[0]) {
    case 'ratings':
      return raw.Data.of_file(
        checked('ratings', data.ratings, Uint8Array),
        String(data.name ?? 'ratings'),
        data.titles === undefined ? undefined : checked('titles', data.titles, Uint8Array),
        String(data.titlesName ?? 'titles'),
      );
    case 'users':
      return raw.Data.of_columns(
        checked('users', data.users, Uint32Array),
        checked('items', data.items, Uint32Array),
        data.times === undefined ? new Float64Array() : checked('times', data.times, Float64Array),
      );
    default:
      return raw.Data.planted(json(data.planted));
  }
}

/** @param {Float64Array} flat @returns {{item: number, score: number}[]} */
function scored(flat) {
  return Array.from({ length: flat.length / 2 }, (_, at) => ({ item: flat[2 * at], score: flat[2 * at + 1] }));
}

export class Recommender {
  #raw;
  #session;
  #about;
  /** Why the processor is used, where something else was wished for. */
  #reason;
  #busy = false;

  /** @param {any} raw @param {any} session @param {string} [reason] */
  constructor(raw, session, reason) {
    this.#raw = raw;
    this.#session = session;
    this.#reason = reason;
    this.#about = JSON.parse(session.about());
  }

  /**
   * A model to be trained on `data`: `{ratings, name}`, a file's bytes in any format that the library reads, and with `{titles,
   * titlesName}` those of MovieLens' file of titles (`movies.dat`, `movies.csv`, `u.item`); `{users, items, times}`, columns; or `{planted: {users, items, perUser, seed}}`, made up. Each user's latest item is held out to test with.
   * @param {object} data
   * @param {{model?: string, factors?: number, epochs?: number, seed?: number, batchSize?: number, negatives?: number,
   *   learningRate?: number, patience?: number, device?: string}} [settings]
   */
  static async create(data, settings = {}) {
    const { raw, reason } = await packageFor(String(settings.device ?? 'auto'));
    const device = reason ? 'cpu' : settings.device;
    return new Recommender(raw, await raw.create(dataOf(raw, data), json({ ...settings, device })), reason);
  }

  /** One that goes on where it was saved. @param {Uint8Array} bytes @param {string} [device] */
  static async load(bytes, device = 'auto') {
    const { raw, reason } = await packageFor(String(device));
    const session = await raw.load(checked('bytes', bytes, Uint8Array), reason ? 'cpu' : String(device));
    return new Recommender(raw, session, reason);
  }

  /** For people. */
  get device() {
    return this.#reason ? `${this.#about.device} (${this.#reason})` : this.#about.device;
  }
  get model() {
    return this.#about.model;
  }
  get users() {
    return this.#about.users;
  }
  get items() {
    return this.#about.items;
  }
  /** Epochs completed. */
  get epoch() {
    return this.#about.epoch;
  }
  get epochs() {
    return this.#about.epochs;
  }
  /** Of the parameters. */
  get bytes() {
    return this.#about.bytes;
  }
  /** Whether training is over. */
  get done() {
    return this.#about.done;
  }

  /** @param {number} user @returns {string | undefined} */
  userKey(user) {
    return this.#session.user_key(user);
  }
  /** @param {number} item @returns {string | undefined} */
  itemKey(item) {
    return this.#session.item_key(item);
  }
  /** @param {number} item @returns {string | undefined} */
  itemTitle(item) {
    return this.#session.item_title(item);
  }
  /** @param {string} key @returns {number | undefined} */
  userId(key) {
    return this.#session.user_id(String(key));
  }
  /** @param {string} key @returns {number | undefined} */
  itemId(key) {
    return this.#session.item_id(String(key));
  }
  /** The items that a user has. @param {number} user @returns {Uint32Array} */
  history(user) {
    return this.#session.history(user);
  }

  /**
   * Trains for about so long: one step at least, and an evaluation that falls due is done to its end. Once `done`, the parameters are
   * those of the best epoch.
   * @param {number} milliseconds
   * @returns {Promise<{epoch: number, epochs: number, progress: number, loss?: number, hr?: number, ndcg?: number,
   *   samplesPerSecond: number, done: boolean, ended: {epoch: number, loss: number, hr?: number, ndcg?: number}[]}>} `ended`: the
   *   epochs that ended in this slice, in order
   */
  async fitSlice(milliseconds) {
    return JSON.parse(await this.#call('fit_slice', Number(milliseconds)));
  }

  /** The best items that a user does not have, best first. @param {number} user @param {number} k */
  async recommend(user, k) {
    return scored(await this.#call('recommend', user, k));
  }

  /** The items most like one, best first. @param {number} item @param {number} k */
  async similarItems(item, k) {
    return scored(await this.#call('similar_items', item, k));
  }

  /** How well what most users have ranks: what a model is to be better than. @returns {Promise<{hr: number, ndcg: number}>} */
  async popularity() {
    return JSON.parse(await this.#call('popularity'));
  }

  /** Learns from new interactions; a number beyond the last is a new user or item. @param {Uint32Array} users @param {Uint32Array} items */
  async absorb(users, items) {
    const columns = [checked('users', users, Uint32Array), checked('items', items, Uint32Array)];
    return { milliseconds: /** @type {number} */ (await this.#call('absorb', ...columns)) };
  }

  /** Everything, in bytes that `load` reads here and any other build of the library reads elsewhere. @returns {Promise<Uint8Array>} */
  async save() {
    return this.#call('save');
  }

  /** A small file to use the model from, not to train on. @param {{rows?: string, users?: Uint32Array}} [what] @returns {Promise<Uint8Array>} */
  async export({ rows = 'i8', users } = {}) {
    return this.#call('export_small', String(rows), users === undefined ? users : checked('users', users, Uint32Array));
  }

  /** Gives the memory back. */
  free() {
    if (this.#busy) throw new Error('recommender: a call is under way; await it first');
    this.#session.free();
  }

  /** Takes note of where it stands, for what is asked while a call is under way. */
  #look() {
    this.#about = JSON.parse(this.#session.about());
  }

  /** @param {string} name @param {...any} values */
  async #call(name, ...values) {
    if (this.#busy) throw new Error('recommender: a call is under way; await it first');
    this.#busy = true;
    try {
      const result = await this.#raw[name](this.#session, ...values);
      this.#look();
      return result;
    } catch (error) {
      // What trapped cannot be asked any more.
      if (!(error instanceof WebAssembly.RuntimeError)) this.#look();
      throw error;
    } finally {
      this.#busy = false;
    }
  }
}
