// The device is offline, or the server is away for long: what is written waits and arrives once.
import { test, expect, CONNECTION_TROUBLE, GATE_CLOSED } from './fixtures.mjs';
import { Operator, expectLog } from './operator.mjs';
import { print } from './times.mjs';
import { Visitor, numbered } from './visitor.mjs';

/** Chromium does not let a page that did not come from this machine (`keepPages`) ask another server on it. */
const NO_OTHER_SERVER = /loopback` address space|net::ERR_FAILED .*\/health\?ws=1/;

test.beforeEach(({ noise }) => noise.allow(CONNECTION_TROUBLE, GATE_CLOSED, NO_OTHER_SERVER));

/**
 * Serves a context's pages from what it has fetched once, as a content network would: the page can be loaded while our
 * server is away. The API and the sockets are left alone.
 */
async function keepPages(context) {
  const kept = new Map();
  await context.route(/\/(demo|shop|assets)\/|\/(widget\.js|logo\.svg)$/, async (route) => {
    const url = route.request().url();
    if (!kept.has(url)) {
      const response = await route.fetch().catch(() => null);
      if (!response) return route.abort();
      kept.set(url, { status: response.status(), headers: response.headers(), body: await response.body() });
    }
    return route.fulfill(kept.get(url));
  });
}

/** Takes a device off its network, or puts it back; Firefox lets an open WebSocket flow on, so the cable holds it. */
async function takeOffline(context, cable, isOffline) {
  await context.setOffline(isOffline);
  cable.blackhole(isOffline);
}

test('what is written while the device is offline arrives once when it is online again', async ({
  page,
  context,
  cable,
  rejoin,
  someone,
}, testInfo) => {
  const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
  await visitor.send('Online');
  await visitor.expectLink('online');
  await visitor.watchLink();
  const dialogId = await visitor.dialogId();
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(dialogId);

  const offlineAt = Date.now();
  await takeOffline(context, cable, true);
  const texts = numbered('offline', 5);
  for (const text of texts) await visitor.send(text);
  await visitor.expectLink('offline', { timeout: 30_000 });
  await expect(visitor.banner).toContainText('No connection. Messages are kept and sent later.');
  await expect(visitor.banner.getByRole('button', { name: 'Try now' })).toBeVisible();
  await operator.send('Are you there?');
  await operator.expectMessages(['Online', 'Are you there?']);

  const onlineAt = Date.now();
  await takeOffline(context, cable, false);
  const back = await visitor.rejoined(offlineAt, { timeout: 30_000 });
  print(testInfo, 'back after the device was offline', [offlineAt + back - onlineAt]);
  // Three times the promise: machines differ.
  expect(offlineAt + back - onlineAt).toBeLessThan(15_000);
  const all = ['Online', 'Are you there?', ...texts];
  await visitor.expectMessages(all);
  await operator.expectMessages(all);
  await expectLog(rejoin, dialogId, all);
  await expect(visitor.banner).toBeHidden();
});

test('what a full outbox does not take stays in the field, however often it is tried, until there is room', async ({ page, context, cable, rejoin: _ }) => {
  test.slow();
  const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
  await visitor.send('Online');
  await visitor.expectLink('online');
  await takeOffline(context, cable, true);
  await page.evaluate(() => {
    for (let number = 1; number <= 1000; number += 1) rejoin('send', `offline ${number}`);
  });
  await expect(visitor.message('offline 1000')).toHaveCount(1);
  const notice = visitor.dialog.getByText('Too many unsent messages. Wait for the connection.');
  await visitor.field.fill('One too many');
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    await visitor.field.press('Enter');
    await expect(notice).toBeVisible();
    await expect(visitor.field).toHaveValue('One too many');
  }
  await takeOffline(context, cable, false);
  await visitor.expectDelivery('offline 1000', 'sent', { timeout: 60_000 });
  await visitor.field.press('Enter');
  await expect(visitor.field).toHaveValue('');
  await visitor.expectDelivery('One too many', 'sent');
  await expect(notice).toBeHidden();
});

test('what is written while the server is away survives a reload of the page, and arrives once', async ({
  page,
  context,
  rejoin,
}) => {
  await keepPages(context);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Before');
  await visitor.expectDelivery('Before', 'sent');
  await rejoin.stop();
  const texts = numbered('in the dark', 3);
  for (const text of texts) await visitor.send(text);
  await visitor.field.fill('A draft');
  await page.reload();
  await visitor.launcher.click();
  await expect.poll(() => visitor.texts()).toEqual(texts);
  await expect(visitor.field).toHaveValue('A draft');
  await visitor.expectDelivery(texts[0], 'unconfirmed', { timeout: 30_000 });

  await rejoin.restart();
  await visitor.expectMessages(['Before', ...texts], { timeout: 30_000 });
  await visitor.expectDelivery(texts[2], 'sent');
  await page.reload();
  await visitor.open();
  await visitor.expectMessages(['Before', ...texts]);
  await expectLog(rejoin, await visitor.dialogId(), ['Before', ...texts]);
});

test('the very first message may be written while the server is away', async ({ page, context, rejoin, noise }) => {
  // Not even the link is there yet.
  noise.allow(/net::ERR_FAILED.*\/assets\/(client|tabs)-/);
  await keepPages(context);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await rejoin.stop();
  await visitor.send('First words');
  await expect.poll(async () => (await visitor.texts()).at(-1)).toBe('First words');
  await page.reload();
  await visitor.launcher.click();
  await expect.poll(() => visitor.texts()).toEqual(['First words']);
  await rejoin.restart();
  await visitor.expectMessages(['First words'], { timeout: 30_000 });
  await visitor.expectDelivery('First words', 'sent');
  await expectLog(rejoin, await visitor.dialogId(), ['First words']);
});

test('a second tab that takes over what the first could not send sends it once', async ({ page, context, rejoin }) => {
  await keepPages(context);
  const first = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await first.send('Before');
  await first.expectDelivery('Before', 'sent');
  await rejoin.stop('SIGKILL');
  await first.send('From the first tab');
  const second = new Visitor(await context.newPage());
  await second.page.goto(`${rejoin.url}/demo/one`);
  await second.launcher.click();
  await expect.poll(() => second.texts()).toEqual(['From the first tab']);
  await second.send('From the second tab');
  await rejoin.restart();
  for (const tab of [first, second]) {
    await expect.poll(async () => (await tab.texts()).length, { timeout: 30_000 }).toBe(4);
    expect([...(await tab.texts()).slice(1)].sort()).toEqual(['Before', 'From the first tab', 'From the second tab']);
  }
  const texts = (await first.texts()).slice(1);
  await second.expectMessages(texts);
  await expectLog(rejoin, await first.dialogId(), texts);
});

test('an operator’s answer survives a reload of the console while the path is broken', async ({
  page,
  cable,
  rejoin,
  someone,
}) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello?');
  const dialogId = await visitor.dialogId();
  const operator = await Operator.logIn(await someone(), rejoin, cable.url);
  await operator.open(dialogId);
  await operator.expectMessages(['Hello?']);
  cable.blockWebSocket(true, 'silent');
  cable.blackhole(true, 'up');
  await operator.send('Here I am');
  await expect(operator.messages.last()).toContainText('Here I am');
  cable.cut();
  cable.blackhole(false);
  cable.blockWebSocket(false);
  await operator.page.reload();
  await operator.expectOnline({ timeout: 30_000 });
  await operator.expectMessages(['Hello?', 'Here I am']);
  await visitor.expectMessages(['Hello?', 'Here I am']);
  await expectLog(rejoin, dialogId, ['Hello?', 'Here I am']);
});
