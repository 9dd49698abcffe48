/**
 * A line chart in SVG, drawn in CSS pixels: text and lines keep their size at any width and are sharp on any screen. The last value
 * of each line stands at its end, so that no legend is needed.
 *
 * @typedef {object} Series
 * @property {string} name          before the last value; may be empty
 * @property {(y: number) => string} format
 * @property {boolean} [second]     drawn in grey
 */

const HEIGHT = 220;
/** Room for the axes' numbers and for what stands at the ends of the lines. */
const LEFT = 40;
const TOP = 10;
const BOTTOM = 26;

/** @param {string} tag @param {Record<string, string | number>} attributes @param {string} [text] */
function svg(tag, attributes, text) {
  const element = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Round steps: about `wanted` of them from low to high. @param {number} low @param {number} high @param {number} wanted */
function steps(low, high, wanted) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map(n => n * power).find(n => n >= rough * 0.999) ?? 10 * power;
  const first = Math.floor(low / step + 1e-6);
  const last = Math.ceil(high / step - 1e-6);
  return { step, ticks: Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step) };
}

export class Chart {
  /** @type {[number, number][][]} */
  #points = [];
  #epochs = 1;
  #width = 0;
  #due = 0;
  /** @type {{y: number, name: string} | undefined} a line to compare with */
  compare;

  /**
   * @param {HTMLElement} place
   * @param {{label: string, series: Series[], range?: [number, number], right: number}} options
   *   label: read out; range: of y, else from the values; right: room for the last values
   */
  constructor(place, options) {
    this.options = options;
    this.svg = svg('svg', { role: 'img', height: HEIGHT });
    place.replaceChildren(this.svg);
    new ResizeObserver(([entry]) => {
      this.#width = entry.contentRect.width;
      this.#later();
    }).observe(place);
  }

  /** @param {number} epochs the end of the x axis @param {...[number, number][]} points of each series */
  set(epochs, ...points) {
    this.#epochs = Math.max(1, epochs);
    this.#points = points;
    this.#later();
  }

  /** Once a frame at most, however often values come. */
  #later() {
    this.#due ||= requestAnimationFrame(() => {
      this.#due = 0;
      this.#draw();
    });
  }

  #draw() {
    if (!this.#width) return;
    const { compare } = this;
    const { series, label, right, range } = this.options;
    const values = this.#points.flat().map(([, y]) => y);
    const [low, high] = range ?? (values.length ? [Math.min(...values), Math.max(...values)] : [0, 1]);
    const across = steps(low, high, 4);
    const [bottom, top] = [across.ticks[0], across.ticks.at(-1) ?? 1];
    const [x0, x1, y0, y1] = [LEFT, this.#width - right, HEIGHT - BOTTOM, TOP];
    const x = (/** @type {number} */ v) => x0 + (v / this.#epochs) * (x1 - x0);
    const y = (/** @type {number} */ v) => y0 - ((v - bottom) / (top - bottom || 1)) * (y0 - y1);

    const parts = [];
    const digits = Math.max(0, Math.ceil(-Math.log10(across.step) - 1e-9) + (String(across.step).includes('25') ? 1 : 0));
    for (const tick of across.ticks) {
      const at = Math.round(y(tick)) + 0.5;
      parts.push(svg('line', { class: 'grid', x1: x0, x2: x1, y1: at, y2: at }));
      parts.push(svg('text', { x: x0 - 8, y: at + 4, 'text-anchor': 'end' }, tick.toFixed(digits)));
    }
    const along = steps(0, this.#epochs, Math.min(this.#epochs, x1 - x0 < 260 ? 4 : 8));
    for (const tick of along.ticks.filter(t => t <= this.#epochs && Number.isInteger(t))) {
      parts.push(svg('text', { x: x(tick), y: y0 + 19, 'text-anchor': 'middle' }, String(tick)));
    }
    parts.push(svg('text', { x: x1 + 16, y: y0 + 19 }, 'epoch'));
    if (compare) {
      const at = Math.round(y(compare.y)) + 0.5;
      parts.push(svg('line', { class: 'compare', x1: x0, x2: x1, y1: at, y2: at }));
      // Below it, at the right: lines that are worth a look have passed it there.
      parts.push(svg('text', { x: x1 - 4, y: at + 14, 'text-anchor': 'end' }, compare.name));
    }

    const ends = this.#ends(y);
    const said = [];
    // The main line is drawn last, above the others.
    for (const [i, { name, format, second }] of [...series.entries()].reverse()) {
      const line = this.#points[i] ?? [];
      const last = line.at(-1);
      if (!last) continue;
      const group = svg('g', second ? { class: 'second' } : {});
      const path = line.map(([a, b], n) => `${n ? 'L' : 'M'}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join('');
      group.append(svg('path', { class: 'line', d: path }), svg('circle', { cx: x(last[0]), cy: y(last[1]), r: 4 }));
      const text = `${name} ${format(last[1])}`.trim();
      group.append(svg('text', { class: 'last', x: x(last[0]) + 10, y: (ends[i] ?? 0) + 4 }, text));
      parts.push(group);
      said.unshift(text);
    }
    this.svg.setAttribute('viewBox', `0 0 ${this.#width} ${HEIGHT}`);
    this.svg.setAttribute('aria-label', said.length ? `${label}: ${said.join(', ')}` : `${label}: no values yet`);
    this.svg.replaceChildren(...parts);
  }

  /** Heights of the last values' text, moved apart where they would meet. @param {(v: number) => number} y */
  #ends(y) {
    /** @type {number[]} */
    const ends = [];
    const order = this.#points.map((line, i) => ({ i, at: line.length ? y(line[line.length - 1][1]) : NaN }));
    let above = -Infinity;
    for (const { i, at } of order.filter(o => !Number.isNaN(o.at)).sort((a, b) => a.at - b.at)) {
      above = Math.max(at, above + 16);
      ends[i] = above;
    }
    return ends;
  }
}
