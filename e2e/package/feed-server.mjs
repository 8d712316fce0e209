// A server of feeds, as small as can be: values on every channel that is subscribed to, a gate, and ways to go away.
import { once } from 'node:events';
import http from 'node:http';
import { WebSocketServer } from 'ws';

const VALUES_MS = 500;

export class FeedServer {
  /** The frames that clients sent, with the number of their socket. */
  heard = [];
  /** What was asked for, in order: `gate` and `socket`. */
  asked = [];
  gate = { status: 'ok', retry_ms: 0 };
  /** Says nothing any more, and hears everything. */
  mute = false;

  #http = http.createServer((request, response) => {
    this.asked.push('gate');
    response.writeHead(200, { 'content-type': 'application/json', 'access-control-allow-origin': '*' });
    response.end(JSON.stringify(this.gate));
  });
  #sockets = new WebSocketServer({ server: this.#http });

  static async start() {
    const server = new FeedServer();
    server.#sockets.on('connection', (socket) => server.#serve(socket));
    server.#http.listen(0, '127.0.0.1');
    await once(server.#http, 'listening');
    return server;
  }

  get url() {
    return `ws://127.0.0.1:${this.#http.address().port}/feeds/pulse`;
  }

  get open() {
    return this.#sockets.clients.size;
  }

  /** Sends a frame to all. */
  say(frame) {
    for (const socket of this.#sockets.clients) socket.send(JSON.stringify(frame));
  }

  close(code, reason = '') {
    for (const socket of this.#sockets.clients) socket.close(code, reason);
  }

  /** Cuts every connection without a word. */
  cut() {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  end() {
    this.cut();
    this.#sockets.close();
    this.#http.closeAllConnections();
    this.#http.close();
  }

  #serve(socket) {
    this.asked.push('socket');
    const number = this.asked.filter((what) => what === 'socket').length;
    const channels = new Set();
    const answer = (frame) => this.mute || socket.send(JSON.stringify(frame));
    const values = setInterval(() => {
      for (const channel of channels) answer({ type: 'metric_update', metric: channel, value: Math.random() });
    }, VALUES_MS);
    socket.on('close', () => clearInterval(values));
    socket.on('message', (data) => {
      const frame = JSON.parse(data);
      this.heard.push({ socket: number, ...frame });
      const { type, channels: names = [] } = frame;
      if (type === 'ping') answer({ type: 'pong', timestamp: frame.timestamp });
      if (type === 'subscribe') names.forEach((name) => channels.add(name));
      if (type === 'unsubscribe') names.forEach((name) => channels.delete(name));
      if (type === 'subscribe' || type === 'unsubscribe') answer({ type: `${type}d`, channels: names, status: 'ok' });
    });
  }
}
