/** Files: dropped anywhere on the page, chosen, and handed out. */
import { byId, make } from './format.js';

/** @param {(files: File[]) => void} take never without a file */
export function onFile(take) {
  const veil = byId('drop');
  const input = /** @type {HTMLInputElement} */ (byId('file'));
  const has = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes('Files');
  // Enters and leaves come for every element on the way.
  let depth = 0;
  addEventListener('dragenter', event => {
    if (has(event)) veil.classList.toggle('over', ++depth > 0);
  });
  addEventListener('dragleave', event => {
    if (has(event)) veil.classList.toggle('over', --depth > 0);
  });
  addEventListener('dragover', event => {
    if (has(event)) event.preventDefault();
  });
  addEventListener('drop', event => {
    if (!has(event)) return;
    // Else the browser would leave the page for the file.
    event.preventDefault();
    depth = 0;
    veil.classList.remove('over');
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length) take(files);
  });
  input.addEventListener('change', () => {
    const files = [...(input.files ?? [])];
    if (files.length) take(files);
    // The same file may be chosen again, after it was mended.
    input.value = '';
  });
}

/** Whether a file has the titles of items and not ratings: MovieLens' names of it. @param {File} file */
export const hasTitles = file => /^(movies\.(dat|csv)|u\.item)(\.gz)?$/i.test(file.name);

/** Asks for a file; it comes by `onFile`. */
export const chooseFile = () => byId('file').click();

/**
 * Whether a file is a model and not ratings: by its name, or as safetensors begins with a length and a JSON object.
 * @param {File} file
 */
export async function isModel(file) {
  if (/\.safetensors$/i.test(file.name)) return true;
  const head = new DataView(await file.slice(0, 9).arrayBuffer());
  return (
    head.byteLength === 9 &&
    head.getUint32(4, true) === 0 &&
    head.getUint8(8) === 0x7b &&
    head.getUint32(0, true) < file.size
  );
}

/** @param {Blob} blob @param {string} name */
export function download(blob, name) {
  const href = URL.createObjectURL(blob);
  make('a', { href, download: name }).click();
  // The download has its own hold on the data once it has begun, but begins after this turn.
  setTimeout(() => URL.revokeObjectURL(href), 60_000);
}
