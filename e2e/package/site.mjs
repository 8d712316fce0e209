// Somebody's website, from files: what is built, and what is installed.
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { extname, join, normalize } from 'node:path';
import { here } from './build.mjs';

const TYPES = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.wasm': 'application/wasm',
};

export class Site {
  #server;
  #pages = new Map();

  /** Starts one on a free port; `headers` come with every page, and may change the type of a file by its ending. */
  static async start({ headers = {}, types = {} } = {}) {
    const site = new Site();
    site.#server = http.createServer(async ({ url }, response) => {
      const path = normalize(new URL(url, 'http://site').pathname);
      const type = { ...TYPES, ...types }[extname(path)] ?? 'application/octet-stream';
      const folder = path.startsWith('/node_modules/') ? here : join(here, 'built');
      const content = site.#pages.get(path) ?? await readFile(join(folder, path)).catch(() => undefined);
      response.writeHead(content ? 200 : 404, { 'content-type': type, ...(extname(path) === '.html' ? headers : {}) });
      response.end(content);
    });
    site.#server.listen(0, '127.0.0.1');
    await once(site.#server, 'listening');
    return site;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Puts a page at a path; gives its address. */
  put(path, html) {
    this.#pages.set(path, html);
    return this.url + path;
  }

  /** The address of a page, told which server and which site to talk to. */
  page(path, { rejoin, token, ...more }) {
    return `${this.url}/${path}?${new URLSearchParams({ base: rejoin.url, token, ...more })}`;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
