// Where a WebSocket does not get through, server-sent events and POSTs carry the same talk.
import { test, expect, CONNECTION_TROUBLE } from './fixtures.mjs';
import { Operator, expectLog } from './operator.mjs';
import { Visitor, numbered } from './visitor.mjs';

test.beforeEach(({ noise }) => noise.allow(CONNECTION_TROUBLE));

for (const how of ['forbid', 'close', 'silent']) {
  test(`with WebSockets blocked (${how}) the talk goes over server-sent events`, async ({
    page,
    cable,
    rejoin,
    someone,
  }) => {
    cable.blockWebSocket(true, how);
    const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
    const texts = numbered('message', 10);
    for (const text of texts) await visitor.send(text);
    await visitor.expectLink('online-sse', { timeout: 30_000 });
    await visitor.expectDelivery('message 10', 'sent');
    expect(cable.counts.websocketsBlocked).toBeGreaterThan(0);
    if (how !== 'silent') expect(cable.openWebSockets).toBe(0);

    const operator = await Operator.logIn(await someone(), rejoin);
    const dialogId = await visitor.dialogId();
    await operator.open(dialogId);
    await operator.send('I hear you');
    await visitor.expectMessages([...texts, 'I hear you']);
    await visitor.expectDelivery('message 10', 'read');
    await expectLog(rejoin, dialogId, [...texts, 'I hear you']);
  });
}

test('the console falls back too', async ({ page, cable, rejoin, someone }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello?');
  cable.blockWebSocket(true);
  const operator = await Operator.logIn(await someone(), rejoin, cable.url);
  await operator.open(await visitor.dialogId());
  await expect(operator.link).toHaveAttribute('data-state', 'online-sse');
  await operator.send('Over server-sent events');
  await visitor.expectMessages(['Hello?', 'Over server-sent events']);
});

test('when the way is free again the link climbs back to a WebSocket, and nothing is lost on the way', async ({
  page,
  cable,
  rejoin,
  someone,
}) => {
  test.slow();
  const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectLink('online');
  await visitor.watchLink();
  const dialogId = await visitor.dialogId();
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(dialogId);

  cable.blockWebSocket(true);
  cable.cut('websocket');
  await visitor.expectLink('online-sse', { timeout: 30_000 });
  cable.blockWebSocket(false);
  // Both write on without a pause until the WebSocket is there.
  const asked = [];
  const answered = [];
  while ((await visitor.dialog.getAttribute('data-state')) !== 'online') {
    expect(asked.length, 'messages until the WebSocket is back').toBeLessThan(1_000);
    asked.push(`question ${asked.length + 1}`);
    answered.push(`answer ${answered.length + 1}`);
    await visitor.send(asked.at(-1));
    await operator.send(answered.at(-1));
  }
  expect(asked.length).toBeGreaterThan(0);
  await visitor.send('Over the WebSocket');
  await visitor.expectDelivery('Over the WebSocket', /sent|delivered|read/);
  // The old link was left only when the new one was ready.
  const states = (await visitor.linkStates()).map(({ state }) => state);
  expect(states.slice(states.indexOf('online-sse'))).toEqual(['online-sse', 'online']);
  const count = 1 + asked.length + answered.length + 1;
  await expect.poll(async () => (await visitor.texts()).length).toBe(1 + count);
  const texts = (await visitor.texts()).slice(1);
  expect(texts.filter((text) => text.startsWith('question'))).toEqual(asked);
  expect(texts.filter((text) => text.startsWith('answer'))).toEqual(answered);
  await operator.expectMessages(texts);
  await expectLog(rejoin, dialogId, texts);
});

test('a page that never had a WebSocket tries one as soon as the network changes', async ({ page, cable }) => {
  cable.blockWebSocket(true);
  const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectLink('online-sse', { timeout: 30_000 });
  cable.blockWebSocket(false);
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await visitor.expectLink('online');
  await visitor.send('Again');
  await visitor.expectDelivery('Again', 'sent');
  await visitor.expectMessages(['Hello', 'Again']);
});

for (const cut of [false, true]) {
  test(`where streams are held back${cut ? ' and held polls are cut' : ''} the talk goes by polls, and up again`, async ({
    page,
    cable,
    rejoin,
    someone,
    noise,
  }) => {
    // What the test itself aborts.
    noise.allow(/net::ERR_FAILED .*\/(poll|events)\?/);
    cable.blockWebSocket(true);
    // As a proxy does that waits for the end of an answer before it passes it on.
    await page.route('**/events?*', () => {});
    if (cut) await page.route(/\/poll\?.*wait=25/, (route) => setTimeout(() => route.abort().catch(() => {}), 500));
    const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
    await visitor.send('Hello');
    await visitor.expectLink(cut ? 'online-polling' : 'online-long-polling', { timeout: 30_000 });
    const operator = await Operator.logIn(await someone(), rejoin);
    const dialogId = await visitor.dialogId();
    await operator.open(dialogId);
    await operator.send('By a poll');
    await visitor.send('By POST');
    const texts = ['Hello', 'By a poll', 'By POST'];
    await expect.poll(async () => (await visitor.texts()).slice(1).sort()).toEqual([...texts].sort());
    await page.unroute('**/events?*');
    cable.blockWebSocket(false);
    await page.evaluate(() => dispatchEvent(new Event('online')));
    await visitor.expectLink('online');
    await visitor.send('Over the WebSocket');
    await visitor.expectDelivery('Over the WebSocket', /sent|delivered|read/);
    await expect.poll(async () => (await visitor.texts()).length).toBe(5);
    await expectLog(rejoin, dialogId, (await visitor.texts()).slice(1));
  });
}

test('a stream that is cut is opened again', async ({ page, cable, rejoin }) => {
  cable.blockWebSocket(true);
  const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectLink('online-sse', { timeout: 30_000 });
  await visitor.watchLink();
  // One that dies young twice is given up for polls, which no cut breaks for long.
  for (const text of numbered('after cut', 2)) {
    const cutAt = Date.now();
    expect(cable.cut()).toBeGreaterThan(0);
    await visitor.send(text);
    await visitor.rejoined(cutAt, { timeout: 30_000 });
  }
  await visitor.expectMessages(['Hello', ...numbered('after cut', 2)]);
  await expectLog(rejoin, await visitor.dialogId(), ['Hello', ...numbered('after cut', 2)]);
});
