/**
 * The worker: holds the model and does, one after the other, what the page asks for. Training is cut into slices of some
 * milliseconds and runs when nothing is asked for, so a click waits for one slice at most; saving runs when there is nothing else.
 *
 * To the page: `{id, value}` or `{id, error}` answers a call; `{event, ...}` is told without being asked.
 */
import { Session } from './session.js';

/** Long enough that the way to and from the package costs nothing, short enough that a click need not wait. */
const SLICE = 60;
/** While training, a save at most this often, in ms: what a worker that dies can be started again from. */
const SAVE_EVERY = 15_000;
/** A save waits for so long after a click, in ms, as another may follow. */
const SAVE_AFTER = 400;

/** @type {any} */
let Recommender;
/** @type {Session | undefined} */
let session;
let training = false;
/** When the session may be saved next, in ms of `performance.now`. */
let saveAt = 0;

/** @type {Record<string, (...args: any[]) => Promise<any>>} */
const calls = {
  async create(source, settings) {
    return adopt(await Session.create(Recommender, source, settings));
  },
  async import(file, device) {
    return adopt(await Session.import(Recommender, file, device));
  },
  async open(id, device) {
    return adopt(await Session.open(Recommender, id, device));
  },
  async train() {
    training = true;
    saveAt = performance.now() + SAVE_EVERY;
    return model().describe();
  },
  /** Nothing is lost by it: `train` goes on where it stopped. */
  async pause() {
    training = false;
    saveAt = 0;
    return model().describe();
  },
  look: (user, k) => model().look(user, k),
  similar: (item, k) => model().similar(item, k),
  find: (text, limit) => model().find(text, limit),
  async absorb(user, item) {
    const milliseconds = await model().absorb(user, item);
    saveAt = performance.now() + SAVE_AFTER;
    return milliseconds;
  },
  export: kind => model().export(kind),
  /** Saves soon, if there is something to save: the tab may not come back. */
  async save() {
    saveAt = 0;
  },
  /** Puts the model away, saved. */
  async close() {
    training = false;
    if (session?.dirty) await save();
    session?.close();
    session = undefined;
  },
};

/** The new model takes the old one's place only now that it is whole. @param {Session} next */
async function adopt(next) {
  training = false;
  if (session?.dirty) await save();
  session?.close();
  session = next;
  saveAt = 0;
  return next.describe();
}

function model() {
  if (!session) throw new Error('There is no model yet.');
  return session;
}

async function slice() {
  try {
    const report = await model().slice(SLICE);
    if (report.done) {
      training = false;
      saveAt = 0;
    }
    postMessage({ event: 'progress', report });
  } catch (error) {
    if (isTrap(error)) throw error;
    training = false;
    postMessage({ event: 'failed', message: words(error) });
  }
}

/** A save that fails is said where saving is spoken of; the model itself is well. */
async function save() {
  saveAt = performance.now() + SAVE_EVERY;
  try {
    postMessage({ event: 'saved', saved: await model().save() });
  } catch (error) {
    if (isTrap(error)) throw error;
    postMessage({ event: 'unsaved', message: words(error) });
  }
}

/** @type {{id: number, call: string, args: any[]}[]} */
const waiting = [];
let busy = false;

async function work() {
  if (busy) return;
  busy = true;
  for (;;) {
    const next = waiting.shift();
    if (next) await answer(next);
    else if (session?.dirty && performance.now() >= saveAt) await save();
    else if (training) await slice();
    else break;
    await messages();
  }
  busy = false;
  if (session?.dirty) setTimeout(work, Math.max(0, saveAt - performance.now()) + 1);
}

/** @param {{id: number, call: string, args: any[]}} call */
async function answer({ id, call, args }) {
  try {
    postMessage({ id, value: await calls[call](...args) });
  } catch (error) {
    if (isTrap(error)) throw error;
    postMessage({ id, error: words(error) });
  }
}

/** Lets messages in that have arrived meanwhile. A timer would do, but browsers make nested timers wait for 4 ms. */
const gate = new MessageChannel();
function messages() {
  return new Promise(resolve => {
    gate.port1.onmessage = resolve;
    gate.port2.postMessage(0);
  });
}

/** @param {unknown} error */
function words(error) {
  return error instanceof Error || error instanceof DOMException ? error.message || error.name : String(error);
}

/** WebAssembly that trapped (no memory left, most likely) is in no state to be called again. @param {unknown} error */
function isTrap(error) {
  return error instanceof WebAssembly.RuntimeError;
}

/** @param {unknown} error */
function die(error) {
  const cause = isTrap(error) ? `WebAssembly stopped (${words(error)}), as it does when memory runs out` : words(error);
  postMessage({ event: 'dead', message: cause });
  close();
}
addEventListener('unhandledrejection', event => die(event.reason));
addEventListener('error', event => die(event.error ?? event.message));

/**
 * The first message names a lock that this worker holds for as long as it lives. The page waits for it: a worker that is ended for
 * want of memory says nothing, but the browser gives its locks back.
 */
addEventListener('message', async ({ data }) => {
  if (data.lock) {
    await new Promise(held => {
      if (!navigator.locks) return held(undefined);
      navigator.locks.request(data.lock, () => (held(undefined), new Promise(() => {})));
    });
    try {
      ({ Recommender } = await import('../pkg/pocketrec.js'));
    } catch (error) {
      postMessage({ event: 'missing', message: words(error) });
      return close();
    }
    postMessage({ event: 'ready' });
  } else {
    waiting.push(data);
    work();
  }
});
