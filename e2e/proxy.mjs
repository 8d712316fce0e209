// A TCP proxy between a browser and the server, that breaks on command.
//
// It counts what it did (`counts`): a test of a fault must show that the fault happened.
import { once } from 'node:events';
import net from 'node:net';

/** How a blocked WebSocket is answered: a proxy that forbids, one that hangs up, one that stays silent. */
const BLOCKS = ['forbid', 'close', 'silent'];
/** Bytes of a request's head that are looked at. */
const HEAD_MAX = 16_384;

export class CuttableProxy {
  /** What has been done to connections so far. */
  counts = { accepted: 0, cut: 0, websocketsBlocked: 0, held: 0 };

  #target;
  #listener = null;
  #port = 0;
  #pairs = new Set();
  #block = null;
  #hole = { up: false, down: false };

  /** Starts one on a free port; nothing may be asked of it before `lead`. */
  static async start() {
    const proxy = new CuttableProxy();
    await proxy.#listen();
    return proxy;
  }

  /** Leads to the server at `target` (`http://127.0.0.1:PORT`) from now on. */
  lead(target) {
    const { hostname, port } = new URL(target);
    this.#target = { host: hostname, port: Number(port) };
  }

  /** `http://127.0.0.1:PORT`, the same until it is closed. */
  get url() {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Connections that are open now. */
  get open() {
    return this.#pairs.size;
  }

  /** WebSockets that are open now. */
  get openWebSockets() {
    return [...this.#pairs].filter((pair) => pair.websocket).length;
  }

  /**
   * Resets connections at once, on both sides: all, or only `'websocket'` or `'http'`. New ones are
   * accepted. Gives how many there were.
   */
  cut(kind = 'all') {
    const wanted = [...this.#pairs].filter((pair) => kind === 'all' || pair.websocket === (kind === 'websocket'));
    for (const pair of wanted) pair.reset();
    this.counts.cut += wanted.length;
    return wanted.length;
  }

  /** Lets no new WebSocket through (open ones stay: see `cut`). `how` is 'forbid', 'close' or 'silent'. */
  blockWebSocket(on, how = 'forbid') {
    if (!BLOCKS.includes(how)) throw new Error(`blockWebSocket: '${how}' is none of ${BLOCKS.join(', ')}`);
    this.#block = on ? how : null;
  }

  /**
   * Keeps connections open and forwards nothing: 'both' ways, only 'up' (to the server) or only 'down'.
   * What was held is delivered when the hole ends, as TCP would.
   */
  blackhole(on, way = 'both') {
    if (!['both', 'up', 'down'].includes(way)) throw new Error(`blackhole: '${way}' is no way`);
    if (way !== 'down') this.#hole.up = on;
    if (way !== 'up') this.#hole.down = on;
    for (const pair of this.#pairs) pair.hold(this.#hole);
  }

  /** Refuses new connections at the port (open ones stay: see `cut`), or accepts them again. */
  async refuse(on) {
    if (on === (this.#listener === null)) return;
    if (on) {
      const listener = this.#listener;
      this.#listener = null;
      listener.close();
      // `close` waits for open connections; the port itself is free at once.
    } else {
      await this.#listen();
    }
  }

  /** Ends everything. */
  close() {
    this.#listener?.close();
    this.#listener = null;
    for (const pair of this.#pairs) pair.reset();
  }

  async #listen() {
    const listener = net.createServer({ noDelay: true, allowHalfOpen: true }, (client) => this.#accept(client));
    listener.listen(this.#port, '127.0.0.1');
    await once(listener, 'listening');
    this.#listener = listener;
    this.#port = listener.address().port;
  }

  #accept(client) {
    if (!this.#target) {
      // A page of an earlier test looks for whoever had this port then.
      client.destroy();
      return;
    }
    this.counts.accepted += 1;
    const pair = new Pair(client, {
      target: this.#target,
      hole: this.#hole,
      blocked: () => this.#block,
      onBlocked: () => (this.counts.websocketsBlocked += 1),
      onHeld: () => (this.counts.held += 1),
      onGone: () => this.#pairs.delete(pair),
    });
    this.#pairs.add(pair);
  }
}

/** A connection to the proxy and the one it makes to the server for it. */
class Pair {
  /** Whether the first request on it asks for a WebSocket. */
  websocket = false;

  #client;
  #upstream = null;
  #head = Buffer.alloc(0);
  #held = { up: false, down: false };
  #counted = false;
  #given;

  constructor(client, given) {
    this.#client = client;
    this.#given = given;
    client.on('error', () => {});
    client.once('close', () => {
      this.#upstream?.destroy();
      given.onGone();
    });
    client.on('data', this.#readHead);
    // Browsers open connections in advance and close them unused.
    client.once('end', () => this.#upstream ?? client.destroy());
    this.hold(given.hole);
  }

  /** Holds each direction back, or lets it flow. */
  hold({ up, down }) {
    if ((up || down) && !this.#counted) {
      this.#counted = true;
      this.#given.onHeld();
    }
    this.#held = { up, down };
    this.#flow(this.#client, this.#upstream, up);
    this.#flow(this.#upstream, this.#client, down);
  }

  reset() {
    this.#client.resetAndDestroy();
    this.#upstream?.resetAndDestroy();
  }

  #flow(from, to, held) {
    if (from === null) return;
    if (to !== null) {
      from.unpipe(to);
      if (!held) from.pipe(to);
    }
    if (held) from.pause();
    else if (to === null) from.resume();
  }

  /** Browsers make a connection of its own for a WebSocket, so the first request tells. */
  #readHead = (bytes) => {
    this.#head = Buffer.concat([this.#head, bytes]);
    const head = this.#head.toString('latin1');
    if (!head.includes('\r\n\r\n') && head.length < HEAD_MAX) return;
    this.#client.off('data', this.#readHead);
    this.websocket = /^upgrade:\s*websocket\s*$/im.test(head.split('\r\n\r\n')[0]);
    const how = this.websocket ? this.#given.blocked() : null;
    if (how === null) {
      this.#connect();
      return;
    }
    this.#given.onBlocked();
    if (how === 'forbid') {
      this.#client.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
    } else if (how === 'close') {
      this.#client.destroy();
    }
  };

  #connect() {
    const client = this.#client;
    // Nothing may be read before it can be passed on.
    client.pause();
    const upstream = net.connect({ ...this.#given.target, noDelay: true, allowHalfOpen: true });
    this.#upstream = upstream;
    upstream.on('error', () => client.resetAndDestroy());
    upstream.once('close', () => client.destroySoon());
    upstream.write(this.#head);
    this.hold(this.#held);
  }
}
