/**
 * The page on WebGPU, in software (SwiftShader, which Chromium brings): a little is trained there, a click is learnt, what was saved is
 * opened on the processor, and frames go on meanwhile. `node test/gpu.mjs` after `npm ci`; needs pkg/ with gpu.js. Nearly all of its
 * time goes by while shaders are compiled.
 */
import assert from 'node:assert/strict';

import { serve } from '../serve.mjs';
import { folder, launch } from './browser.mjs';
import { Page } from './driver.mjs';

const settings = {
  model: 'gmf',
  factors: 8,
  epochs: 2,
  seed: 1,
  batchSize: 256,
  negatives: 4,
  learningRate: 0.01,
  device: 'gpu',
  users: 60,
  items: 50,
  perUser: 10,
};
/** The longest time between two frames that may be, in ms. */
const FRAME = 100;

setTimeout(() => {
  console.error('page on WebGPU: took more than four minutes');
  process.exit(1);
}, 240_000).unref();

const server = await serve(process.env.PAGE ?? folder);
const browser = await launch({ webgpu: true });
try {
  const tab = await browser.newPage();
  const page = new Page(tab);
  tab.setDefaultTimeout(200_000);
  await tab.goto(server.url);
  await page.watchFrames();
  await page.train(settings);
  const device = await page.text('#device');
  const { longest, frames, seconds } = await page.frames();
  const { loss, hr } = await page.figures();
  console.log(`   ${device}: loss ${loss[0]} to ${loss.at(-1)}, HR@10 ${hr.at(-1)}`);
  console.log(`   ${frames} frames in ${seconds.toFixed(1)} s of training, the longest gap ${longest.toFixed(0)} ms`);
  assert.match(device, /^gpu/, 'it is the graphics device that trained');
  assert(loss[loss.length - 1] < loss[0], `the loss falls: ${loss}`);
  assert(longest <= FRAME, `the page halts while it trains: ${longest.toFixed(0)} ms`);

  await page.pick('7');
  const taken = (await page.recommendations())[0].name;
  await tab.click('#best li:first-child .pick');
  await tab.waitForSelector('#learned b');
  await page.settled();
  const recommended = await page.recommendations();
  console.log(`   ${(await page.text('#learned')).split('.').slice(0, -2).join('.')}`);
  assert.equal(await page.text('#history li:first-child'), taken);
  assert(!recommended.some(row => row.name === taken));

  await tab.waitForTimeout(1500);
  await tab.reload();
  await tab.waitForSelector('#saved-list li');
  await page.openSettings();
  await tab.selectOption('[name=device]', 'cpu');
  await tab.click('#saved-list button:has-text("Open")');
  await page.isOpen();
  await page.pick('7');
  assert.match(await page.text('#device'), /^cpu/i);
  const again = new Set((await page.recommendations()).map(row => row.name));
  assert(
    recommended.filter(row => again.has(row.name)).length >= 9,
    'the processor recommends what the graphics device did',
  );
  assert.deepEqual(page.errors, []);
  console.log('ok on WebGPU');
} finally {
  await browser.close();
  server.close();
}
