/**
 * The page: what is shown when, and who is told of what. The model lives in a worker (worker.js); here nothing takes longer than a
 * frame.
 */
import { chooseFile, hasTitles, isModel, onFile } from './drop.js';
import { DeadWorker, Engine } from './engine.js';
import { byId, counted, moment, tell } from './format.js';
import { Keep } from './keep.js';
import { Start } from './start.js';
import { Taste } from './taste.js';
import { Training } from './training.js';

const engine = new Engine();
const training = new Training({ train, pause: () => rest('paused'), stop: () => rest('stopped') });
const taste = new Taste(engine);
const keep = new Keep(engine, { choose: chooseFile });
const start = new Start({
  planted: () => open('Making up data', false, 'create', { planted: start.planted }, start.settings),
  choose: chooseFile,
  open: saved => open(`Opening ${saved.name}`, saved, 'open', saved.id, start.device),
});

/** @type {import('./store.js').Saved | undefined} what a worker that dies can be started again from */
let saved;
/** The open model, as the worker described it. @type {any} */
let model;

/** Shows one of the page's three faces. @param {'start' | 'opening' | 'work'} face */
function show(face) {
  for (const id of ['start', 'opening', 'work']) byId(id).hidden = id !== face;
  document.title = face === 'work' && model ? `${model.name} – pocketrec` : 'pocketrec';
}

onFile(async files => {
  // What was wrong with the last one is over before this one is looked into.
  quiet();
  const file = files.find(one => !hasTitles(one)) ?? files[0];
  const titles = files.find(one => one !== file && hasTitles(one));
  if (await isModel(file).catch(() => false)) open(`Opening ${file.name}`, false, 'import', file, start.device);
  else open(`Reading ${file.name}`, false, 'create', { file, titles }, start.settings);
});

/**
 * Makes or opens a model. What was open stays until the new one is whole: a file that cannot be read costs nothing.
 * @param {string} doing @param {import('./store.js').Saved | false} from @param {string} call @param {...any} args
 */
async function open(doing, from, call, ...args) {
  const before = model;
  quiet();
  byId('opening-text').textContent = `${doing} …`;
  show('opening');
  try {
    model = await engine.call(call, ...args);
  } catch (error) {
    const message = naming(/** @type {Error} */ (error).message, args);
    if (before && !(error instanceof DeadWorker)) {
      tell(byId('open-error'), message);
      return show('work');
    }
    await home();
    return start.tell(message);
  }
  // A copy, where another tab has the model open, is another one.
  saved = from && from.id === model.id ? from : undefined;
  byId('name').textContent = model.name;
  size(model);
  byId('dead').hidden = byId('taste').hidden = byId('keep').hidden = true;
  byId('training').hidden = byId('leave').hidden = false;
  training.state = call === 'create' ? 'running' : model.done ? 'done' : 'stopped';
  training.open(model);
  looked = 0;
  show('work');
  keep.open(model, saved);
  byId('name').focus({ preventScroll: true });
  scrollTo(0, 0);
  if (call === 'create') await train();
  else await recommend();
}

/** Takes the messages away about what could not be opened. */
function quiet() {
  start.tell();
  tell(byId('open-error'));
}

/** A message says of which file it is. @param {string} message @param {any[]} args of the call that failed */
function naming(message, [source]) {
  const name = (source instanceof File ? source : source.file)?.name;
  return !name || message.includes(name) ? message : `${name}: ${message}`;
}

/** Users and items; there may be new ones after a click. @param {{users: number, items: number}} of */
function size({ users, items }) {
  byId('size').textContent = `${counted(users, 'user')} · ${counted(items, 'item')}`;
}

/** Trains, from the beginning or from where it stopped. */
async function train() {
  training.tell();
  try {
    await engine.call('train');
    training.state = 'running';
    taste.may = false;
  } catch (error) {
    failed(error);
  }
}

/** @param {'paused' | 'stopped'} state */
async function rest(state) {
  try {
    const { done } = await engine.call('pause');
    training.state = done ? 'done' : state;
    await recommend();
  } catch (error) {
    failed(error);
  }
}

/** When recommendations were last asked for, in ms. */
let looked = 0;

/** Shows what is recommended now; clicks teach while training rests. */
async function recommend() {
  looked = performance.now();
  taste.may = training.state !== 'running';
  if (!byId('taste').hidden) return taste.look();
  // Shown once it is there: until then there may be lists of another model in it.
  await taste.open(model);
  byId('taste').hidden = byId('keep').hidden = !byId('dead').hidden;
}

/** @param {unknown} error */
function failed(error) {
  if (!(error instanceof DeadWorker)) training.tell(/** @type {Error} */ (error).message);
}

/** The empty page, with what is saved. */
async function home() {
  model = undefined;
  await start.refresh();
  show('start');
}

byId('leave').addEventListener('click', async () => {
  start.tell();
  // Saved by this, if anything is not.
  await engine.call('close').catch(() => {});
  await home();
  byId('planted').focus();
});

engine.addEventListener('progress', event => {
  const report = /** @type {CustomEvent} */ (event).detail;
  training.progress(report);
  if (report.done) training.state = 'done';
  // Recommendations can be looked at from the first epoch on; they move while it trains, but not faster than one can see.
  if (report.done || (report.ended.length && performance.now() - looked > 1200)) recommend();
});
engine.addEventListener('failed', event => {
  training.state = 'stopped';
  training.tell(/** @type {CustomEvent} */ (event).detail);
});
engine.addEventListener('saved', event => {
  const now = /** @type {CustomEvent} */ (event).detail;
  if (now.id !== model?.id) return;
  saved = now;
  keep.saved(now);
  size(now);
});
engine.addEventListener('unsaved', event => keep.unsaved(/** @type {CustomEvent} */ (event).detail));

engine.addEventListener('dead', event => {
  // Where a model was being opened, that says so itself.
  if (byId('work').hidden) return;
  for (const id of ['training', 'taste', 'keep', 'leave']) byId(id).hidden = true;
  const kept = saved
    ? `The model as it was saved ${moment(saved.time)} can be opened again.`
    : 'Nothing had been saved yet.';
  byId('dead-text').textContent =
    `What trains and recommends has stopped: ${/** @type {CustomEvent} */ (event).detail}. ${kept}`;
  byId('restart').textContent = saved ? 'Open what was saved' : 'Begin again';
  byId('dead').hidden = false;
});
byId('restart').addEventListener('click', () => {
  const from = saved;
  model = undefined;
  if (from) open(`Opening ${from.name}`, from, 'open', from.id, start.device);
  else home();
});

document.addEventListener('visibilitychange', () => {
  if (document.hidden && model && byId('dead').hidden) engine.call('save').catch(() => {});
});

await start.refresh();
