/**
 * Drives the page in headless Chromium, as its users do: `test/run.sh`, or `node test/page.mjs` after `npm ci`. Prints what it
 * measured and ends with status 1 at the first thing that is not as it should be. Takes less than a minute.
 *
 *   EXPECTED_SHA256  of the checkpoint that the native library trains with the settings below; it has to be the page's, too
 *   PAGE             another folder to serve
 *   CHROMIUM         another browser than /usr/bin/chromium
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

import { serve } from '../serve.mjs';
import { folder, launch } from './browser.mjs';
import { Page } from './driver.mjs';

/** What the checkpoint is compared with is trained with these natively. */
const settings = {
  model: 'neumf',
  factors: 8,
  epochs: 4,
  seed: 1,
  batchSize: 256,
  negatives: 4,
  learningRate: 0.001,
  device: 'cpu',
  users: 400,
  items: 300,
  perUser: 20,
};
/** HR@10 of a ranking by chance: 10 of the 100 that a test item is among. */
const CHANCE = 0.1;
/** The longest time between two frames that may be, in ms. */
const FRAME = 100;

// Whatever hangs, this does not.
setTimeout(() => fail('took more than three minutes'), 180_000).unref();
/** @param {string} message */
function fail(message) {
  console.error(`page test: ${message}`);
  process.exit(1);
}

/** @type {Buffer} the checkpoint, as it was downloaded */
let whole;
/** @type {Buffer} the file for one user */
let small;
/** @type {import('./driver.mjs').Rows} what was recommended last */
let recommended;

/** @param {Page} page */
async function trains(page) {
  await page.train(settings);
  const { loss, hr, ndcg, popularity } = await page.figures();
  assert.equal(hr.length, settings.epochs, 'one evaluation an epoch');
  const [first, last, best, gain] = [loss[0], loss[loss.length - 1], hr[hr.length - 1], ndcg[ndcg.length - 1]];
  assert(last < 0.95 * first, `the loss falls: ${loss}`);
  assert(popularity > CHANCE && best > popularity, `HR@10 ${hr} is above popularity's ${popularity}, and that above chance`);
  assert(gain > 0 && gain < best, `NDCG@10 ${ndcg} is below HR@10`);
  whole = await page.download('#export-whole');
  const sha = createHash('sha256').update(whole).digest('hex');
  console.log(
    `   loss ${first} to ${last}, HR@10 ${best} (popularity ${popularity.toFixed(4)}), NDCG@10 ${gain}, ${whole.length} bytes, SHA-256 ${sha}`,
  );
  const expected = process.env.EXPECTED_SHA256;
  if (expected) assert.equal(sha, expected, 'the checkpoint trained here is the native one');
}

/** @param {Page} page @param {import('playwright-core').Page} tab */
async function learns(page, tab) {
  // A user by the keyboard alone.
  await tab.focus('#user');
  await tab.keyboard.type('17');
  await tab.waitForSelector('#users li');
  await tab.keyboard.press('Enter');
  await page.settled();
  assert.equal(await tab.inputValue('#user'), '17');

  const before = await page.recommendations();
  assert.equal(before.length, 10);
  const [, taken] = before;
  await tab.focus('#best li:nth-child(2) .pick');
  await tab.keyboard.press('Enter');
  await tab.waitForSelector('#learned b');
  await page.settled();
  recommended = await page.recommendations();
  const [said, took] = /** @type {RegExpMatchArray} */ ((await page.text('#learned')).match(/Learned in ([\d.]+) ms/));
  assert(!recommended.some(row => row.name === taken.name), `${taken.name} is gone from the recommendations`);
  assert.equal(await page.text('#history li:first-child'), taken.name, 'and is what the user had last');
  const moved = recommended.filter(row => row.moved).length;
  assert(moved > 0, 'others moved');
  assert(
    recommended.some((row, i) => row.score !== before[i]?.score),
    'the model itself changed',
  );
  assert(Number(took) < 1000, said);
  assert(await tab.evaluate(() => document.activeElement?.closest('#best') !== null), 'the focus stays in the list');
  console.log(`   ${said}, ${moved} of 10 places changed`);

  // Someone new is known by one item.
  await tab.click('#nobody');
  await page.says('#history-title', /Had nothing yet/);
  const first = (await page.recommendations())[0].name;
  await tab.emulateMedia({ reducedMotion: 'reduce' });
  await tab.click('#best li:first-child .pick');
  await page.says('#history', new RegExp(first));
  assert.equal((await page.recommendations()).filter(row => row.score === '').length, 0, 'scores for someone new');
  await page.says('#size', /^401 users/);
  assert.equal(await tab.evaluate(() => document.getAnimations().length), 0, 'nothing moves for who wants it still');
  await tab.emulateMedia({ reducedMotion: null });
  await page.pick('17');
  recommended = await page.recommendations();

  await tab.click('#best li:first-child .similar');
  await tab.waitForSelector('#alike li');
  assert.equal(await tab.locator('#alike li').count(), 10);
}

/** @param {Page} page */
async function keeps(page) {
  await page.says('#keep-text', /Saved in this browser/);
  whole = await page.download('#export-whole');
  small = await page.download('#export-user');
  console.log(`   ${whole.length} bytes, for one user ${small.length}`);
  assert(small.length < whole.length / 2, 'no moments, tables as bytes, one history');
}

/** @param {Page} page @param {import('playwright-core').Page} tab */
async function comesBack(page, tab) {
  // Saved once the clicks have come to rest.
  await tab.waitForTimeout(1000);
  await tab.reload();
  await tab.waitForSelector('#saved-list li');
  assert.equal(await tab.locator('#saved-list li').count(), 1);
  await tab.click('#saved-list button:has-text("Open")');
  await page.isOpen();
  await page.pick('17');
  assert.deepEqual(page.plain(await page.recommendations()), page.plain(recommended), 'what was learnt came back');
  assert.equal((await page.figures()).hr.length, settings.epochs, 'and its curves');
}

/** @param {Page} page @param {import('playwright-core').Page} tab */
async function imports(page, tab) {
  await tab.click('#leave');
  await page.drop('model.safetensors', whole);
  await page.isOpen();
  await page.pick('17');
  assert.deepEqual(page.plain(await page.recommendations()), page.plain(recommended), 'the checkpoint, dropped');

  await tab.click('#leave');
  await page.choose({ 'small.safetensors': small });
  await page.isOpen();
  await page.pick('17');
  const names = new Set((await page.recommendations()).map(row => row.name));
  const same = recommended.filter(row => names.has(row.name)).length;
  assert(same >= 9, `tables as bytes recommend nearly the same: ${same} of 10`);
}

/** @param {Page} page @param {import('playwright-core').Page} tab */
async function refuses(page, tab) {
  const binary = Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 2654435761) >>> 24));
  const wrong = {
    'empty.csv': Buffer.alloc(0),
    'picture.png': Buffer.concat([Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0]), binary]),
    'prose.txt': Buffer.from('It was the best of times\n'.repeat(20)),
    'cut.safetensors': whole.subarray(0, Math.floor(whole.length * 0.6)),
    'head.safetensors': whole.subarray(0, 5),
  };
  // Once with a model open, which must stay, and once without.
  for (const where of ['#open-error', '#start-error']) {
    for (const [name, bytes] of Object.entries(wrong)) {
      await page.choose({ [name]: bytes });
      await tab.waitForSelector(`${where}:not([hidden])`);
      const message = await page.text(where);
      assert(message.length > 15, `${name}: ${message}`);
      if (where === '#start-error') console.log(`   ${name}: ${message}`);
      await tab.evaluate(place => document.querySelector(place)?.setAttribute('hidden', ''), where);
    }
    if (where === '#open-error') {
      await page.pick('17');
      await tab.click('#leave');
    }
  }
  // A graphics device where there is none, and a setting that cannot be.
  await page.openSettings();
  for (const [field, value, words] of [
    ['device', 'gpu', /WebGPU/],
    ['batchSize', '0', /batch/],
  ]) {
    const place = tab.locator(`[name=${field}]`);
    await (field === 'device' ? place.selectOption(String(value)) : place.fill(String(value)));
    await tab.click('#planted');
    await tab.waitForSelector('#start-error:not([hidden])');
    assert.match(await page.text('#start-error'), /** @type {RegExp} */ (words));
    console.log(`   ${field} ${value}: ${await page.text('#start-error')}`);
    await (field === 'device' ? place.selectOption('cpu') : place.fill(String(settings.batchSize)));
  }
}

/** @param {Page} page @param {import('playwright-core').Page} tab */
async function reads(page, tab) {
  // Ids are keys, so a huge one is a key like any other. Each of 12 users has 5 of 23 items, and the thirteenth one.
  const rows = Array.from({ length: 60 }, (_, i) => `${i % 12},${(i * 7) % 23}`);
  const ratings = Buffer.from(`user,item\n99999999999999999999999999,3\n${rows.join('\n')}\n`);
  const titles = Array.from({ length: 23 }, (_, i) => `${i},"Film, the ${i}th",Drama`);
  await page.choose({ 'huge.csv': ratings, 'movies.csv': Buffer.from(`movieId,title,genres\n${titles.join('\n')}\n`) });
  await page.isOpen();
  assert.match(await page.text('#size'), /^13 users · 23 items/);
  await page.pick('99999999999999999999999999');
  assert.equal(await page.text('#history'), 'Film, the 3th', 'titles are shown');
  assert((await page.recommendations()).every(row => /^Film, the \d+th$/.test(row.name)));
  await tab.click('#leave');
}

/** @param {Page} page @param {import('playwright-core').Page} tab */
async function survives(page, tab) {
  await tab.click(`#saved-list li:has-text("Made-up data") button:has-text("Open")`);
  await page.isOpen();
  // What a worker does that the browser ends for want of memory: nothing.
  await tab.workers()[0].evaluate(() => self.close());
  await tab.waitForSelector('#dead:not([hidden])');
  await tab.click('#restart');
  await page.isOpen();
  await page.pick('17');
  assert.deepEqual(page.plain(await page.recommendations()), page.plain(recommended), 'opened from what was saved');
  await tab.click('#leave');
}

/**
 * The longest time between two frames while it trains. A machine that has other work delays frames now and then; what the page
 * itself does wrong shows in every run. So the best of a few runs counts, and all are printed.
 * @param {Page} page @param {import('playwright-core').Page} tab
 */
async function isSmooth(page, tab) {
  const gaps = [];
  for (let run = 0; run < 3 && !(Math.min(...gaps) <= FRAME); run++) {
    await page.watchFrames();
    await page.train({ ...settings, epochs: 3, users: 2000, items: 1000, perUser: 40 });
    const { longest, frames, seconds } = await page.frames();
    gaps.push(longest);
    console.log(`   ${frames} frames in ${seconds.toFixed(1)} s of training, the longest gap ${longest.toFixed(0)} ms`);
    assert(frames > 10 && seconds > 0.5, 'training was long enough to say something');
    await tab.click('#leave');
  }
  assert(Math.min(...gaps) <= FRAME, `the page halts while it trains: ${gaps.map(gap => gap.toFixed(0))} ms`);
}

const began = performance.now();
const server = await serve(process.env.PAGE ?? folder);
const browser = await launch();
try {
  const context = await browser.newContext({ viewport: { width: 1200, height: 900 } });
  /** @type {string[]} */
  const requests = [];
  context.on('request', request => requests.push(request.url()));
  const tab = await context.newPage();
  const page = new Page(tab);
  await tab.goto(server.url);

  for (const [name, test] of Object.entries({
    trains,
    learns,
    keeps,
    comesBack,
    imports,
    refuses,
    reads,
    survives,
    isSmooth,
  })) {
    const start = performance.now();
    await test(page, tab);
    assert.deepEqual(page.errors, [], 'errors in the console');
    console.log(`ok ${name} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  }
  const strange = requests.filter(url => !url.startsWith(server.url) && !/^(blob|data):/.test(url));
  assert.deepEqual(strange, [], 'requests that left the page');
  console.log(
    `ok ${requests.length} requests, all for the page's own files; ${((performance.now() - began) / 1000).toFixed(0)} s in all`,
  );
} finally {
  await browser.close();
  server.close();
}
