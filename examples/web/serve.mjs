#!/usr/bin/env node
/**
 * Serves this folder for trying the page: `node examples/web/serve.mjs [port]`. Any other server of files will do as well, if it
 * knows that .wasm is application/wasm: `python3 -m http.server -d examples/web` does.
 *
 * The page needs no isolation headers. The policy is the one in index.html, here for the worker's files too.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.wasm': 'application/wasm',
};
const policy =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:";

/**
 * @param {string} folder @param {number} [port] 0 for any that is free
 * @returns {Promise<{url: string, close: () => void}>}
 */
export async function serve(folder, port = 0) {
  const root = resolve(folder);
  const server = createServer(async (request, response) => {
    const refuse = (/** @type {number} */ status) => response.writeHead(status).end();
    if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405);
    let path;
    try {
      path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    } catch {
      return refuse(400);
    }
    const file = join(root, normalize(path.endsWith('/') ? `${path}index.html` : path));
    const found = file.startsWith(root + sep) && !file.includes('\0') && (await stat(file).catch(() => undefined));
    if (!found || !found.isFile()) return refuse(404);
    const type = types[/** @type {keyof types} */ (extname(file))] ?? 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'content-security-policy': policy, 'cache-control': 'no-cache' });
    if (request.method === 'HEAD') return response.end();
    createReadStream(file)
      .on('error', () => response.destroy())
      .pipe(response);
  });
  await new Promise((listening, failed) =>
    server.once('error', failed).listen(port, '127.0.0.1', () => listening(undefined)),
  );
  const { port: used } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return {
    url: `http://127.0.0.1:${used}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await serve(fileURLToPath(new URL('.', import.meta.url)), Number(process.argv[2] ?? 8000));
  console.log(url);
}
