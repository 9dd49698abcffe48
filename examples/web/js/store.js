/**
 * Saved models, in this browser's IndexedDB. What is listed (`models`) and the checkpoints (`files`) are apart, so that a list
 * reads no checkpoint. Both are written in one transaction: it happens whole or not at all, so a full disk or a closed tab in the
 * middle of a save leaves the copy that was there.
 *
 * @typedef {object} Saved
 * @property {string} id
 * @property {string} name        the ratings file's name, or "made-up data"
 * @property {number} users
 * @property {number} items
 * @property {number} epoch       epochs it was trained for
 * @property {number} bytes       length of the checkpoint
 * @property {number} time        when it was saved, ms since 1970
 * @property {number} seconds     time spent in training
 * @property {number} user        the user last looked at
 * @property {import('./curves.js').Curves} curves
 * @property {{hr: number, ndcg: number}} [popularity]
 */

/** A name that nothing else has. (`crypto.randomUUID` is not there for pages of a local network without TLS.) */
export const newId = () => Array.from(crypto.getRandomValues(new Uint32Array(4)), part => part.toString(36)).join('-');

/** @type {Promise<IDBDatabase> | undefined} */
let opened;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open('pocketrec', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('models', { keyPath: 'id' });
      request.result.createObjectStore('files');
    };
    request.onsuccess = () => {
      // A newer page in another tab must be able to change the layout.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
  // A refusal (private windows of some browsers) may be over at the next try.
  opened.catch(() => (opened = undefined));
  return opened;
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(models: IDBObjectStore, files: IDBObjectStore) => IDBRequest<T>} body
 * @returns {Promise<T>} the request's result, once the transaction is through
 */
async function transaction(mode, body) {
  const db = await database();
  return new Promise((resolve, reject) => {
    // strict: done when it is on the disk.
    const whole = db.transaction(['models', 'files'], mode, { durability: 'strict' });
    const request = body(whole.objectStore('models'), whole.objectStore('files'));
    whole.oncomplete = () => resolve(request.result);
    whole.onabort = () => reject(whole.error ?? new DOMException('the browser ended the transaction', 'AbortError'));
  });
}

/** What is saved, the latest first. @returns {Promise<Saved[]>} */
export async function list() {
  const all = await transaction('readonly', models => models.getAll());
  return all.sort((a, b) => b.time - a.time);
}

/** @param {string} id @returns {Promise<{saved: Saved, file: Uint8Array}>} */
export async function get(id) {
  const saved = await transaction('readonly', models => models.get(id));
  const file = await transaction('readonly', (_, files) => files.get(id));
  if (!saved || !file) throw new Error('This model is no longer saved in this browser.');
  return { saved, file };
}

/** @param {Saved} saved @param {Uint8Array} file */
export function put(saved, file) {
  return transaction('readwrite', (models, files) => {
    files.put(file, saved.id);
    return models.put(saved);
  });
}

/** @param {string} id */
export function remove(id) {
  return transaction('readwrite', (models, files) => {
    files.delete(id);
    return models.delete(id);
  });
}
