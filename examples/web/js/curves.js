/**
 * Loss and ranking by epoch, as they are drawn and saved.
 *
 * @typedef {{loss: [number, number][], hr: [number, number][], ndcg: [number, number][]}} Curves   pairs of epoch and value
 * @typedef {object} Report   what a slice of training did
 * @property {number} epoch       epochs that are done
 * @property {number} epochs      epochs that are to be done
 * @property {number} progress    done of the epoch that runs, from 0 to 1
 * @property {number} [loss]      mean of the epoch that runs, so far
 * @property {{epoch: number, loss: number, hr?: number, ndcg?: number}[]} ended  in this slice
 * @property {number} samplesPerSecond
 * @property {boolean} done
 */

/** Points of the first epoch that are kept; beyond it every other one goes, as a screen shows no more. */
const POINTS = 300;

/** @returns {Curves} */
export const none = () => ({ loss: [], hr: [], ndcg: [] });

/**
 * The loss of an epoch is the mean of its samples. Within the first, which falls most, the mean so far is drawn on its way there;
 * within later ones it would begin anew each time, so that only its latest value is drawn (`tip`).
 * @param {Curves} curves @param {Report} report
 */
export function extend(curves, report) {
  for (const { epoch, loss, hr, ndcg } of report.ended) {
    curves.loss.push([epoch, loss]);
    if (hr !== undefined) curves.hr.push([epoch, hr]);
    if (ndcg !== undefined) curves.ndcg.push([epoch, ndcg]);
  }
  if (report.epoch === 0 && report.loss !== undefined) curves.loss.push([report.progress, report.loss]);
  if (curves.loss.length > POINTS) curves.loss = curves.loss.filter(([epoch], i) => epoch >= 1 || i % 2);
}

/**
 * The loss with what is known of the epoch that runs.
 * @param {Curves} curves @param {Omit<Report, 'ended'>} report @returns {[number, number][]}
 */
export function tip({ loss }, { epoch, progress, loss: now, done }) {
  return epoch > 0 && progress > 0 && now !== undefined && !done ? [...loss, [epoch + progress, now]] : loss;
}
