// The proxy itself: a fault that does not happen would make every journey look healthy.
import { once } from 'node:events';
import http from 'node:http';
import { test as base, expect } from '@playwright/test';
import { WebSocket, WebSocketServer } from 'ws';
import { Noise, CONNECTION_TROUBLE } from './noise.mjs';
import { CuttableProxy } from './proxy.mjs';

/** An HTTP server that says hello, and echoes on WebSockets, behind a cable that can be cut. */
const test = base.extend({
  echo: async ({}, use) => {
    const heard = [];
    const server = http.createServer((request, response) => response.end('hello'));
    const sockets = new WebSocketServer({ server });
    sockets.on('connection', (socket) => {
      socket.on('error', () => {});
      socket.on('message', (text) => {
        heard.push(String(text));
        socket.send(String(text));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    await use({ url: `http://127.0.0.1:${server.address().port}`, heard });
    for (const socket of sockets.clients) socket.terminate();
    server.closeAllConnections();
    server.close();
  },
  cable: async ({ echo }, use) => {
    const cable = await CuttableProxy.start();
    cable.lead(echo.url);
    await use(cable);
    cable.close();
  },
});

const get = async ({ url }) => (await fetch(url, { headers: { connection: 'close' } })).text();

/**
 * Lets five requests past the cable come and go. Client, cable and server share this process, so what
 * was sent before them and is not held has arrived by then.
 */
async function others(echo) {
  for (let round = 0; round < 5; round += 1) await get(echo);
}

/** Opens a WebSocket through the cable and collects what comes back. */
async function open(cable) {
  const socket = new WebSocket(cable.url.replace('http', 'ws'));
  const received = [];
  socket.on('message', (text) => received.push(String(text)));
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.on('close', resolve));
  const outcome = await new Promise((resolve) => {
    socket.on('open', () => resolve('open'));
    socket.on('unexpected-response', (request, response) => resolve(response.statusCode));
    closed.then(() => resolve('closed'));
  });
  return { socket, received, closed, outcome };
}

test('requests and WebSockets pass through it unchanged', async ({ cable }) => {
  expect(await get(cable)).toBe('hello');
  const { socket, received } = await open(cable);
  socket.send('x'.repeat(300_000));
  socket.send('ü');
  await expect.poll(() => received.length).toBe(2);
  expect(received).toEqual(['x'.repeat(300_000), 'ü']);
  expect(cable.openWebSockets).toBe(1);
});

test('a cut closes what is open without a close frame, and lets new connections in', async ({ cable }) => {
  const { closed } = await open(cable);
  expect(cable.cut('http')).toBe(0);
  expect(cable.cut('websocket')).toBe(1);
  expect(await closed).toBe(1006);
  expect(cable.counts.cut).toBe(1);
  expect((await open(cable)).outcome).toBe('open');
  await expect.poll(() => cable.open).toBe(1);
});

test('a blocked WebSocket is forbidden or hung up on, while HTTP passes', async ({ cable }) => {
  cable.blockWebSocket(true);
  expect((await open(cable)).outcome).toBe(403);
  cable.blockWebSocket(true, 'close');
  expect((await open(cable)).outcome).toBe('closed');
  expect(await get(cable)).toBe('hello');
  expect(cable.counts.websocketsBlocked).toBe(2);
  cable.blockWebSocket(false);
  expect((await open(cable)).outcome).toBe('open');
  expect(() => cable.blockWebSocket(true, 'politely')).toThrow('politely');
});

test('a silent block answers a WebSocket with nothing at all', async ({ cable }) => {
  cable.blockWebSocket(true, 'silent');
  const attempt = open(cable);
  await expect.poll(() => cable.counts.websocketsBlocked).toBe(1);
  // A request that is sent later and answered shows that the silence is not slowness.
  expect(await get(cable)).toBe('hello');
  expect(cable.openWebSockets).toBe(1);
  cable.cut();
  expect((await attempt).outcome).toBe('closed');
});

test('a black hole keeps the connection open, and delivers what it held when it ends', async ({ cable, echo }) => {
  const hurt = await open(cable);
  hurt.socket.send('before');
  await expect.poll(() => hurt.received).toEqual(['before']);
  cable.blackhole(true);
  hurt.socket.send('within');
  const late = open(cable);
  await expect.poll(() => cable.counts.held).toBe(2);
  await others(echo);
  expect(hurt.received).toEqual(['before']);
  expect(hurt.socket.readyState).toBe(WebSocket.OPEN);
  cable.blackhole(false);
  await expect.poll(() => hurt.received).toEqual(['before', 'within']);
  expect((await late).outcome).toBe('open');
});

test('a black hole in one way lets the other way through', async ({ cable, echo }) => {
  const { socket, received, closed } = await open(cable);
  cable.blackhole(true, 'down');
  socket.send('heard');
  await expect.poll(() => echo.heard).toEqual(['heard']);
  await others(echo);
  expect(received).toEqual([]);
  cable.blackhole(false);
  await expect.poll(() => received).toEqual(['heard']);

  cable.blackhole(true, 'up');
  socket.send('not heard');
  await others(echo);
  expect(cable.cut()).toBe(1);
  expect(await closed).toBe(1006);
  expect(echo.heard).toEqual(['heard']);
});

test('a refusing proxy refuses new connections, keeps open ones, and comes back at its port', async ({ cable }) => {
  const { socket, received } = await open(cable);
  const { url } = cable;
  await cable.refuse(true);
  const trouble = await get(cable).catch((error) => error.cause.code);
  expect(trouble).toBe('ECONNREFUSED');
  socket.send('still here');
  await expect.poll(() => received).toEqual(['still here']);
  await cable.refuse(false);
  expect(cable.url).toBe(url);
  expect(await get(cable)).toBe('hello');
});

test('a browser sees the cut, and its complaint is heard as noise', async ({ cable, page, context }) => {
  const noise = new Noise();
  noise.listen(context);
  await page.goto(cable.url);
  const code = page.evaluate((url) => new Promise((resolve) => {
    const socket = new WebSocket(url);
    socket.onopen = () => (document.title = 'open');
    socket.onclose = (event) => resolve(event.code);
  }), cable.url.replace('http', 'ws'));
  await expect(page).toHaveTitle('open');
  cable.cut();
  expect(await code).toBe(1006);

  await cable.refuse(true);
  await page.evaluate((url) => fetch(url).catch(() => {}), cable.url);
  await page.evaluate(() => setTimeout(() => { throw new Error('thrown by the page'); }, 0));
  await expect.poll(() => noise.unexpected().join('\n')).toContain('thrown by the page');
  noise.allow(CONNECTION_TROUBLE, /favicon/);
  expect(noise.heard().length).toBeGreaterThan(noise.unexpected().length);
  expect(noise.unexpected().join('\n')).toContain('thrown by the page');
});
