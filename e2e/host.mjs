// Somebody else's website: another origin, with pages of any content and any headers.
import { once } from 'node:events';
import http from 'node:http';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

export class Host {
  /** The paths that were asked for. */
  requests = [];

  #server;
  #pages = new Map();

  /** Starts one on a free port. */
  static async start() {
    const host = new Host();
    host.#server = http.createServer((request, response) => host.#answer(request, response));
    host.#server.listen(0, '127.0.0.1');
    await once(host.#server, 'listening');
    return host;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** Puts a page at a path, with this in its body; gives its address. A page without a language has an empty one. */
  page(path, body, headers = {}, lang = 'en') {
    const html = `<!doctype html>
<html${lang && ` lang="${lang}"`}>
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Somebody’s shop</title><link rel="icon" href="data:,"></head>
<body><main><h1>Somebody’s shop</h1><p>Soap, and more soap.</p></main>${body}</body>
</html>`;
    this.#pages.set(path, { html, headers });
    return this.url + path;
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  #answer(request, response) {
    this.requests.push(request.url);
    const page = this.#pages.get(request.url.split('?')[0]);
    response.writeHead(page ? 200 : 404, { 'content-type': 'text/html; charset=utf-8', ...page?.headers });
    response.end(page?.html);
  }
}

/** Makes a site that these origins may embed, and gives its token. */
export async function addSite(rejoin, { name = 'Soap & Co', origins = [], welcome = 'Welcome to the soap shop.' } = {}) {
  const words = ['site', 'add', '--name', name, '--welcome', welcome, '--data', rejoin.data];
  for (const origin of origins) words.push('--origin', origin);
  return /^site token: (\S+)$/m.exec(await rejoin.command(...words))[1];
}

/** Gives a site hours that are over now, and begin tomorrow at nine of the server's clock, which is UTC. */
export async function close(rejoin, token, words = []) {
  const tomorrow = new Date(Date.now() + 86_400_000);
  const hours = `${DAYS[tomorrow.getUTCDay()]} 09:00-18:00`;
  await rejoin.command('site', 'set', token, '--hours', hours, '--timezone', 'UTC', ...words, '--data', rejoin.data);
  tomorrow.setUTCHours(9, 0, 0, 0);
  return tomorrow;
}

/** The line to embed that the command line prints, with more attributes. */
export function snippet(rejoin, token, attributes = '') {
  return `<script async src="${rejoin.url}/widget.js" data-site-token="${token}" ${attributes}></script>`;
}
