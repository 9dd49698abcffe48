/**
 * What a user does with the page, and what one reads from it.
 * @typedef {{name: string, score: string, moved: string}[]} Rows
 */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';

export class Page {
  /** @type {string[]} */
  errors = [];

  /** @param {import('playwright-core').Page} tab */
  constructor(tab) {
    this.tab = tab;
    tab.setDefaultTimeout(30_000);
    tab.on('pageerror', error => this.errors.push(String(error)));
    tab.on('console', message => message.type() === 'error' && this.errors.push(message.text()));
    tab.on('dialog', dialog => {
      this.errors.push(`a dialogue: ${dialog.message()}`);
      dialog.dismiss();
    });
  }

  /** @param {string} place */
  async text(place) {
    return (await this.tab.locator(place).innerText()).trim();
  }

  /** @param {string} place @param {RegExp} words */
  async says(place, words) {
    await this.tab.waitForFunction(
      ([at, source]) => new RegExp(source).test(document.querySelector(at)?.textContent ?? ''),
      [place, words.source],
    );
  }

  openSettings() {
    return this.tab.evaluate(() => document.querySelector('details')?.setAttribute('open', ''));
  }

  /** Trains on made-up data to the end. @param {Record<string, string | number>} settings */
  async train(settings) {
    const { tab } = this;
    await this.openSettings();
    for (const [name, value] of Object.entries(settings)) {
      const field = tab.locator(`[name=${name}]`);
      if (typeof value === 'string') await field.selectOption(value);
      else await field.fill(String(value));
    }
    await tab.click('#planted');
    await this.isOpen();
  }

  /** Waits until a model is open and at rest. */
  async isOpen() {
    await this.tab.waitForFunction(() => {
      const at = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
      const failed = ['start-error', 'open-error', 'training-error'].find(id => !at(id).hidden && at(id).checkVisibility());
      if (failed) throw new Error(at(failed).innerText);
      const rests = at('training-title').textContent !== 'Training';
      return (
        !at('work').hidden && !at('taste').hidden && rests && document.querySelectorAll('#best .pick:enabled').length > 0
      );
    });
  }

  /** Curves as they are kept with the model, rounded. */
  async figures() {
    return this.tab.evaluate(async () => {
      const module = '/js/store.js';
      // Saved by itself, a moment after the end.
      const { list } = await import(module);
      for (;;) {
        const [saved] = await list();
        if (saved) {
          const of = (/** @type {[number, number][]} */ line) => line.map(([, y]) => Number(y.toFixed(4)));
          return {
            loss: of(saved.curves.loss),
            hr: of(saved.curves.hr),
            ndcg: of(saved.curves.ndcg),
            popularity: saved.popularity?.hr ?? 1,
          };
        }
        await new Promise(later => setTimeout(later, 50));
      }
    });
  }

  /** @returns {Promise<Rows>} */
  recommendations() {
    return this.tab.$$eval('#best li:not(.leaving)', rows =>
      rows.map(row => {
        const of = (/** @type {string} */ part) => row.querySelector(part)?.textContent ?? '';
        return { name: of('.pick'), score: of('.score'), moved: of('.moved') };
      }),
    );
  }

  /** Rows without what they did last. @param {Rows} rows */
  plain(rows) {
    return rows.map(({ name, score }) => `${name} ${score}`);
  }

  /** Waits until no answer is waited for and nothing moves. */
  settled() {
    return this.tab.waitForFunction(() => {
      const busy = document.getElementById('taste')?.getAttribute('aria-busy') === 'true';
      return !busy && document.getAnimations().every(animation => animation.playState !== 'running');
    });
  }

  /** @param {string} key of a user */
  async pick(key) {
    const { tab } = this;
    await tab.fill('#user', key);
    await tab.locator('#users li', { hasText: new RegExp(`^${key}$`) }).click();
    await this.settled();
    assert.equal(await tab.inputValue('#user'), key);
  }

  /** @param {string} button @returns {Promise<Buffer>} */
  async download(button) {
    const [download] = await Promise.all([this.tab.waitForEvent('download'), this.tab.click(button)]);
    const path = await download.path();
    assert.match(download.suggestedFilename(), /\.safetensors$/);
    return readFile(path);
  }

  /** Gives the page files, by their names. @param {Record<string, Buffer>} files */
  choose(files) {
    const chosen = Object.entries(files).map(([name, buffer]) => ({ name, mimeType: 'application/octet-stream', buffer }));
    return this.tab.setInputFiles('#file', chosen);
  }

  /** Drops a file on the middle of the page. @param {string} name @param {Buffer} buffer */
  async drop(name, buffer) {
    const carried = await this.tab.evaluateHandle(
      ([title, base64]) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File([Uint8Array.from(atob(base64), c => c.charCodeAt(0))], title));
        return transfer;
      },
      [name, buffer.toString('base64')],
    );
    for (const event of ['dragenter', 'dragover', 'drop']) {
      await this.tab.dispatchEvent('main', event, { dataTransfer: carried });
      const over = await this.tab.locator('#drop').isVisible();
      assert.equal(over, event !== 'drop', `the page says that a file may be dropped, at ${event}`);
    }
  }

  /** Notes when frames are drawn, while it trains. */
  watchFrames() {
    return this.tab.evaluate(() => {
      const page = /** @type {any} */ (window);
      const title = /** @type {HTMLElement} */ (document.getElementById('training-title'));
      /** @type {number[]} */
      const times = (page.frameTimes = []);
      const frame = (/** @type {number} */ now) => {
        if (title.checkVisibility() && title.textContent === 'Training') times.push(now);
        if (page.frameTimes === times) requestAnimationFrame(frame);
      };
      requestAnimationFrame(frame);
    });
  }

  /** What was noted since. */
  frames() {
    return this.tab.evaluate(() => {
      const page = /** @type {any} */ (window);
      /** @type {number[]} */
      const times = page.frameTimes;
      page.frameTimes = undefined;
      const longest = Math.max(...times.slice(1).map((time, i) => time - times[i]));
      return { longest, frames: times.length, seconds: (times[times.length - 1] - times[0]) / 1000 };
    });
  }
}
