/** How numbers, sizes and times are written, and the shortest way to an element. */

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const date = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'long', year: 'numeric' });

/** 12,345 @param {number} n */
export const count = n => whole.format(n);

/** "1 epoch", "1,682 items" @param {number} n @param {string} noun */
export const counted = (n, noun) => `${count(n)} ${noun}${n === 1 ? '' : 's'}`;

/** 812 k, 5.31 M @param {number} n */
export function rate(n) {
  if (!(n > 0)) return '–';
  if (n < 1e4) return count(n);
  return n < 1e6 ? `${count(n / 1e3)} k` : `${(n / 1e6).toFixed(2)} M`;
}

/** 431 KB @param {number} n */
export function bytes(n) {
  if (n < 1000) return `${n} bytes`;
  return n < 1e6 ? `${count(n / 1e3)} KB` : `${(n / 1e6).toFixed(n < 1e7 ? 2 : 1)} MB`;
}

/** 3.2 s, 4 min 05 s @param {number} s */
export function duration(s) {
  if (s < 60) return `${s.toFixed(1)} s`;
  const rounded = Math.round(s);
  return `${count(Math.floor(rounded / 60))} min ${String(rounded % 60).padStart(2, '0')} s`;
}

/** Three digits that mean something: 0.23, 4.1, 52 @param {number} ms */
export const milliseconds = ms => `${ms < 1 ? ms.toFixed(2) : ms < 10 ? ms.toFixed(1) : count(ms)} ms`;

/** "today at 03:12" or "30 November 2026 at 03:12" @param {number} time */
export function moment(time) {
  const day = date.format(time) === date.format(Date.now()) ? 'today' : date.format(time);
  return `${day} at ${clock.format(time)}`;
}

/** A name to show: the title, or what the key is of. @param {'user' | 'item'} kind @param {{key: string, title?: string}} of */
export const named = (kind, { key, title }) => title || (/^\d+$/.test(key) ? `${kind} ${key}` : key);

/** @template {HTMLElement} [T=HTMLElement] @param {string} id @returns {T} */
export const byId = id => /** @type {T} */ (document.getElementById(id));

/**
 * An element with properties, classes and children.
 * @param {string} tag @param {Record<string, any>} [properties] @param {...(Node | string)} children
 */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Shows a message or takes it away. @param {HTMLElement} element @param {string} [message] */
export function tell(element, message = '') {
  element.textContent = message;
  element.hidden = !message;
}
