// Feeds: values come, and come again after every kind of break, each of them once.
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CONNECTION_TROUBLE } from '../noise.mjs';
import { Operator } from '../operator.mjs';
import { Visitor } from '../visitor.mjs';
import { here } from './build.mjs';
import { FeedServer } from './feed-server.mjs';
import { expect, test as base } from './fixtures.mjs';

const test = base.extend({
  feeds: async ({}, use) => {
    const feeds = await FeedServer.start();
    await use(feeds);
    feeds.end();
  },
  /** Opens the page, and a feed on it. */
  listen: async ({ page, site, noise }, use) => {
    noise.allow(CONNECTION_TROUBLE);
    await use(async (options, make = 'plain') => {
      await page.goto(`${site.url}/${make}/feed.html`);
      await page.waitForFunction(() => globalThis.listen);
      await page.evaluate((options) => void listen(options), options);
    });
  },
});

const state = (page) => page.evaluate(() => globalThis.feed?.state());
const online = (page) => expect.poll(() => state(page), { timeout: 30_000 }).toBe('online');
const count = (page, metric) => page.evaluate((metric) => updates.filter((update) => update.metric === metric).length, metric);
/** Waits for that many further values. */
async function more(page, metric, wanted) {
  const before = await count(page, metric);
  await expect.poll(() => count(page, metric)).toBeGreaterThanOrEqual(before + wanted);
}

for (const make of ['plain', 'vite', 'webpack', 'esbuild']) {
  test(`values arrive, and nothing of WebAssembly is fetched for them (${make})`, async ({ page, feeds, listen, modules }) => {
    await listen({ url: feeds.url, channels: ['clarity', 'pain'] }, make);
    await online(page);
    await more(page, 'clarity', 3);
    await more(page, 'pain', 1);
    expect(feeds.asked).toEqual(['gate', 'socket']);
    expect(feeds.heard).toEqual([{ socket: 1, type: 'subscribe', channels: ['clarity', 'pain'] }]);
    expect(modules).toEqual([]);
    if (make === 'esbuild') expect((await stat(join(here, 'built/esbuild/feed.js'))).size, 'nothing of the rest is in its script').toBeLessThan(10_000);
    expect(await page.evaluate(() => updates.every(({ type }) => type === 'metric_update'))).toBe(true);
  });
}

test('after each break the subscriptions are there again, within five seconds, and each value is heard once', { tag: '@engines' }, async ({ page, feeds, listen }) => {
  await listen({ url: feeds.url, channels: ['clarity'] });
  await online(page);
  await page.evaluate(() => (feed.subscribe('trust', 'clarity'), feed.unsubscribe('clarity')));
  await more(page, 'trust', 1);
  const breaks = [
    () => feeds.cut(),
    () => feeds.close(1001),
    () => feeds.close(4100, '{"spread_ms":200}'),
    () => feeds.close(4201, '{"retry_ms":100}'),
    () => feeds.say({ type: 'drain', in_ms: 100, spread_ms: 100 }),
  ];
  for (const [index, breaks_] of breaks.entries()) {
    const at = Date.now();
    await page.evaluate(() => void (updates.length = states.length = 0));
    breaks_();
    await expect.poll(() => page.evaluate(() => states.map(({ state }) => state)), { timeout: 30_000 }).toEqual(['reconnecting', 'online']);
    const backAt = await page.evaluate(() => states.at(-1).at);
    expect(backAt - at, 'back within 5 s').toBeLessThan(5000);
    await more(page, 'trust', 2);
    const again = feeds.heard.filter(({ socket }) => socket === index + 2);
    expect(again).toEqual([{ socket: index + 2, type: 'subscribe', channels: ['trust'] }]);
    // Heard once each: as many values as one socket sends.
    const values = await page.evaluate(() => updates.map(({ value }) => value));
    expect(new Set(values).size).toBe(values.length);
    expect(await count(page, 'clarity')).toBe(0);
    expect(feeds.open).toBe(1);
  }
  // Each socket came through the gate.
  expect(feeds.asked).toEqual(Array.from({ length: 6 }, () => ['gate', 'socket']).flat());
});

test('at a closed gate it waits, and a server that has gone silent is left', async ({ page, feeds, listen }) => {
  feeds.gate = { status: 'overloaded', retry_ms: 300 };
  const heartbeat = { intervalMs: 300, timeoutMs: 300, failureThreshold: 2 };
  await listen({ url: feeds.url, channels: ['pain'], heartbeat });
  await expect.poll(() => feeds.asked.length).toBeGreaterThan(2);
  expect(feeds.asked).not.toContain('socket');
  feeds.gate = { status: 'ok', retry_ms: 0 };
  await online(page);
  feeds.mute = true;
  await expect.poll(() => page.evaluate(() => states.some(({ reason }) => reason === 'silence'))).toBe(true);
  expect(feeds.heard.filter(({ socket, type }) => socket === 1 && type === 'ping')).toHaveLength(2);
  feeds.mute = false;
  await online(page);
  await more(page, 'pain', 2);
});

test('an intentional end is the end, and so is a refusal', async ({ page, feeds, listen }) => {
  await page.clock.install();
  await listen({ url: feeds.url, channels: ['chaos'] });
  await online(page);
  await page.evaluate(() => feed.close());
  await expect.poll(() => feeds.open).toBe(0);
  await page.clock.runFor(120_000);
  await page.evaluate(() => (feed.tryNow(), dispatchEvent(new Event('online'))));
  await page.clock.runFor(120_000);
  expect(feeds.asked).toEqual(['gate', 'socket']);
  expect(await state(page)).toBe('stopped');

  await page.evaluate((url) => void listen({ url, channels: ['chaos'] }), feeds.url);
  await online(page);
  feeds.close(4003, '{"reason":"forbidden_origin"}');
  await expect.poll(() => state(page)).toBe('stopped');
  expect(await page.evaluate(() => states.at(-1))).toMatchObject({ code: 4003, reason: 'forbidden_origin' });
  await page.clock.runFor(120_000);
  expect(feeds.asked).toHaveLength(4);
  for (const options of [{}, { url: '/x', chanels: [] }, { url: 'http://' }])
    expect(await page.evaluate((options) => listen(options).catch(({ code }) => code), options)).toBe('invalid_option');
});

test('on a socket of this server the subscriptions outlive a cut and a killed server', async ({ page, rejoin, cable, site, token, someone, noise }) => {
  const talk = await someone();
  const visitor = await Visitor.visit(talk, site.page('plain/chat.html', { rejoin, token }));
  await visitor.send('Somebody is here');
  const dialogId = await visitor.dialogId();
  await Operator.hire(await someone(), rejoin, { email: 'ann@soap.example', name: 'Ann' });
  const operatorToken = await rejoin.command('operator', 'token', 'ann@soap.example', '--data', rejoin.data);
  const url = `${cable.url}/ws/dialogs/${dialogId}?token=${operatorToken}`;
  // An operator's socket is for pages of the server's own origin.
  noise.allow(CONNECTION_TROUBLE);
  noise.allow(/favicon/);
  await page.goto(`${cable.url}/health`);
  await page.addScriptTag({ path: join(here, 'built/esbuild/feed.js'), type: 'module' });
  await page.evaluate((options) => void listen(options), { url, channels: ['typing', 'nonsense'] });
  await online(page);
  expect(await page.evaluate(() => errors)).toEqual([expect.objectContaining({ code: 'unknown_channel' })]);
  const typings = () => page.evaluate(() => updates.filter(({ type, on }) => type === 'typing' && on).length);
  let seen = 0;
  for (const break_ of [() => {}, () => cable.cut(), () => rejoin.restart('SIGKILL'), () => rejoin.restart()]) {
    await page.evaluate(() => void (states.length = 0));
    await break_();
    await online(page);
    // It lapses between two of them.
    await expect
      .poll(async () => {
        await visitor.field.fill('');
        await visitor.field.pressSequentially('a');
        return typings();
      }, { timeout: 40_000, intervals: [500, 2000] })
      .toBeGreaterThan(seen);
    seen = await typings();
  }
});
