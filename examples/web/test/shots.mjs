/**
 * Pictures of the page, for looking at: `node shots.mjs OUT [width ...]`. Each state at each width, light and dark.
 * The README's picture: `node shots.mjs --readme FILE.png`.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import { serve } from '../serve.mjs';
import { folder, launch } from './browser.mjs';

const [out, ...rest] = process.argv.slice(2);
if (!out) throw new Error('usage: node shots.mjs OUT [width ...], or node shots.mjs --readme FILE.png');
const readme = out === '--readme';
const widths = readme || !rest.length ? (readme ? [1200] : [390, 820, 1440]) : rest.map(Number);
/** @type {('light' | 'dark')[]} */
const schemes = readme ? ['light'] : ['light', 'dark'];

const server = await serve(process.env.PAGE ?? folder);
const browser = await launch();
try {
  if (!readme) await mkdir(out, { recursive: true });
  for (const width of widths) for (const scheme of schemes) await states(width, scheme);
} finally {
  await browser.close();
  server.close();
}

/** @param {number} width @param {'light' | 'dark'} colorScheme */
async function states(width, colorScheme) {
  const context = await browser.newContext({
    viewport: { width, height: readme ? 1140 : 900 },
    colorScheme,
    deviceScaleFactor: 1,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  page.on('pageerror', error => console.error(error));
  const shot = async (/** @type {string} */ state) => {
    if (!readme) await page.screenshot({ path: join(out, `${state}-${width}-${colorScheme}.png`), fullPage: true });
  };
  await page.goto(server.url);
  await page.waitForSelector('#planted');
  await shot('empty');
  await page.setInputFiles('#file', { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('what\nis\nthis\n') });
  await page.waitForSelector('#start-error:not([hidden])');
  await shot('error');
  await page.click('summary');
  await shot('settings');
  if (process.env.SMALL) await page.fill('[name=epochs]', process.env.SMALL);
  await page.click('#planted');
  await page.waitForFunction(() => /^[3-9] of/.test(document.querySelector('#epoch')?.textContent ?? ''));
  await shot('training');
  await page.waitForFunction(() => document.querySelector('#training-title')?.textContent === 'Trained');
  await page.waitForFunction(() => /Saved/.test(document.querySelector('#keep-text')?.textContent ?? ''));
  await shot('trained');
  await page.click('#best li:nth-child(2) .pick');
  await page.waitForSelector('#learned b');
  await page.waitForTimeout(160);
  await shot('moving');
  await page.waitForTimeout(700);
  await page.click('#best li:nth-child(1) .similar');
  await page.waitForSelector('#alike li');
  await page.waitForTimeout(700);
  await shot('clicked');
  if (readme) await page.screenshot({ path: rest[0] });
  await page.fill('#user', '12');
  await page.waitForSelector('#users li');
  await shot('picker');
  await page.keyboard.press('Escape');
  await page.workers()[0].evaluate(() => self.close());
  await page.waitForSelector('#dead:not([hidden])');
  await shot('dead');
  await page.click('#restart');
  await page.waitForSelector('#best li');
  await page.click('#leave');
  await page.waitForSelector('#saved-list li');
  await shot('saved');
  await context.close();
}
