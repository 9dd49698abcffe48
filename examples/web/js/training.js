/** The part of the page that shows training: figures, progress, curves, pause and stop. */
import { Chart } from './chart.js';
import { extend, none, tip } from './curves.js';
import { byId, count, duration, rate, tell } from './format.js';

export class Training {
  #curves = none();

  /** @param {{train: () => void, pause: () => void, stop: () => void}} on */
  constructor(on) {
    this.loss = new Chart(byId('loss-chart'), {
      label: 'Training loss by epoch',
      series: [{ name: '', format: y => y.toFixed(3) }],
      right: 58,
    });
    this.rank = new Chart(byId('rank-chart'), {
      label: 'HR@10 and NDCG@10 by epoch',
      series: [
        { name: 'HR@10', format: y => y.toFixed(3) },
        { name: 'NDCG@10', format: y => y.toFixed(3), second: true },
      ],
      range: [0, 1],
      right: 112,
    });
    byId('pause').addEventListener('click', () => (this.state === 'running' ? on.pause() : on.train()));
    byId('stop').addEventListener('click', on.stop);
  }

  /** What is shown of a model that was opened or made. @param {any} model */
  open(model) {
    this.#curves = structuredClone(model.curves);
    this.rank.compare = model.popularity && {
      y: model.popularity.hr,
      name: `HR@10 of popularity ${model.popularity.hr.toFixed(3)}`,
    };
    byId('device').textContent = model.device;
    this.tell();
    this.#show({ ...model, progress: 0, samplesPerSecond: 0 });
  }

  /** @param {import('./curves.js').Report & {seconds: number}} report */
  progress(report) {
    extend(this.#curves, report);
    const last = report.ended.at(-1);
    // Once an epoch: a reader that is told of every slice says nothing else.
    if (last)
      byId('training-live').textContent =
        `Epoch ${last.epoch} of ${report.epochs}: HR@10 ${last.hr?.toFixed(3) ?? 'not known'}`;
    this.#show(report);
  }

  /** @param {Omit<import('./curves.js').Report, 'ended'> & {seconds: number}} at */
  #show(at) {
    const { epoch, epochs, progress, samplesPerSecond, seconds, done } = at;
    const part = done ? 1 : Math.min(1, (epoch + progress) / Math.max(1, epochs));
    /** @type {HTMLProgressElement} */ (byId('progress')).value = part;
    byId('epoch').textContent = `${count(epoch)} of ${count(epochs)}`;
    byId('rate').textContent = rate(samplesPerSecond);
    byId('time').textContent = duration(seconds);
    const end = Math.max(epochs, epoch);
    this.loss.set(end, tip(this.#curves, at));
    this.rank.set(end, this.#curves.hr, this.#curves.ndcg);
  }

  /** @param {'running' | 'paused' | 'stopped' | 'done'} state */
  set state(state) {
    this.#state = state;
    const title = { running: 'Training', paused: 'Paused', stopped: 'Stopped', done: 'Trained' }[state];
    byId('training-title').textContent = title;
    byId('pause').textContent = state === 'running' ? 'Pause' : state === 'paused' ? 'Resume' : 'Train on';
    byId('pause').hidden = state === 'done';
    byId('stop').hidden = state === 'done' || state === 'stopped';
  }

  get state() {
    return this.#state;
  }

  /** @type {'running' | 'paused' | 'stopped' | 'done'} */
  #state = 'done';

  /** An error of training. @param {string} [message] */
  tell(message) {
    tell(byId('training-error'), message);
  }
}
