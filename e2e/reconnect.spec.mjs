// The link breaks, and rejoins by itself: nothing lost, nothing doubled, in order.
import { test, expect, CONNECTION_TROUBLE, GATE_CLOSED } from './fixtures.mjs';
import { Operator, expectLog } from './operator.mjs';
import { percentile, print } from './times.mjs';
import { Visitor, numbered } from './visitor.mjs';

/** From the return of the path to a live link: the promise is 5 s, and this is no machine of our choice (docs/outages.md has figures). */
const BACK_MS = 15_000;

/** A visitor and an operator in one dialog; the visitor is behind the cable. */
async function meet({ page, cable, rejoin, someone }) {
  const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectLink('online');
  await visitor.watchLink();
  const operator = await Operator.logIn(await someone(), rejoin);
  const dialogId = await visitor.dialogId();
  await operator.open(dialogId);
  await operator.expectMessages(['Hello']);
  return { visitor, operator, dialogId };
}

async function expectEverywhere({ visitor, operator, dialogId, rejoin }, texts) {
  await visitor.expectMessages(texts, { timeout: 30_000 });
  await operator.expectMessages(texts, { timeout: 30_000 });
  await expectLog(rejoin, dialogId, texts);
}

test.beforeEach(({ noise }) => noise.allow(CONNECTION_TROUBLE));

test('a cut link comes back, and what was written meanwhile arrives once on both sides', async ({
  page,
  cable,
  rejoin,
  someone,
}) => {
  const talk = await meet({ page, cable, rejoin, someone });
  expect(cable.cut('websocket')).toBe(1);
  await talk.visitor.send('Written after the cut');
  await talk.operator.send('Answered after the cut');
  await talk.visitor.expectLink('online');
  await expect.poll(() => talk.visitor.texts().then((texts) => texts.length)).toBe(4);
  const texts = (await talk.visitor.texts()).slice(1);
  expect([...texts].sort()).toEqual(['Answered after the cut', 'Hello', 'Written after the cut']);
  await expectEverywhere({ ...talk, rejoin }, texts);
});

test('a cut link is back soon, however often it is cut', async ({ cable, someone }, testInfo) => {
  test.slow();
  const visitors = await Promise.all(
    numbered('visitor', 5).map(async (name) => {
      const visitor = await Visitor.visit(await someone(), `${cable.url}/demo/one`);
      await visitor.send(name);
      await visitor.expectLink('online');
      await visitor.watchLink();
      return visitor;
    }),
  );
  const times = [];
  // Sockets that die young twice are given up for streams, and those for polls, which no cut breaks for long.
  for (let round = 0; round < 4; round += 1) {
    const cutAt = Date.now();
    expect(cable.cut()).toBeGreaterThanOrEqual(visitors.length);
    times.push(...(await Promise.all(visitors.map((visitor) => visitor.rejoined(cutAt, { timeout: 30_000 })))));
  }
  print(testInfo, 'back after a cut', times);
  expect(times).toHaveLength(20);
  expect(percentile(times, 99)).toBeLessThan(BACK_MS);
});

test('a server that is killed in the middle of fifty messages loses none, doubles none, and keeps their order', async ({
  page,
  cable,
  rejoin,
  someone,
}, testInfo) => {
  test.slow();
  const talk = await meet({ page, cable, rejoin, someone });
  const texts = numbered('message', 50);
  let restarted;
  let killedAt;
  for (const [index, text] of texts.entries()) {
    await talk.visitor.send(text);
    if (index === 20) {
      killedAt = Date.now();
      await rejoin.stop('SIGKILL');
      // Later ones are written while nothing listens.
      restarted = (async () => {
        await expect.poll(() => talk.visitor.texts().then((shown) => shown.length)).toBeGreaterThan(35);
        await rejoin.restart();
        return Date.now();
      })();
    }
  }
  const upAt = await restarted;
  const back = await talk.visitor.rejoined(killedAt, { timeout: 30_000 });
  print(testInfo, 'back after the restart of a killed server', [killedAt + back - upAt]);
  await expectEverywhere({ ...talk, rejoin }, ['Hello', ...texts]);
});

test('the server dies again and again while both sides write', async ({ page, cable, rejoin, someone }) => {
  test.slow();
  const talk = await meet({ page, cable, rejoin, someone });
  const asked = numbered('question', 12);
  const answered = numbered('answer', 12);
  for (let index = 0; index < 12; index += 1) {
    await talk.visitor.send(asked[index]);
    await talk.operator.send(answered[index]);
    if (index % 4 === 1) await rejoin.restart('SIGKILL');
  }
  const count = async () => (await talk.visitor.texts()).length;
  await expect.poll(count, { timeout: 60_000 }).toBe(1 + 1 + 24);
  // Sockets that die young again and again may have been given up for a stream.
  await talk.visitor.expectLink(/^online/, { timeout: 30_000 });
  await expect
    .poll(async () => talk.visitor.rows.evaluateAll((rows) => rows.filter((row) => ['sending', 'unconfirmed'].includes(row.dataset.state)).length))
    .toBe(0);
  const texts = (await talk.visitor.texts()).slice(1);
  expect(texts.filter((text) => text.startsWith('question'))).toEqual(asked);
  expect(texts.filter((text) => text.startsWith('answer'))).toEqual(answered);
  await expectEverywhere({ ...talk, rejoin }, texts);
});

test('a server that is stopped politely and started again is hardly noticed', async ({
  page,
  cable,
  rejoin,
  someone,
  noise,
}) => {
  noise.allow(GATE_CLOSED);
  const talk = await meet({ page, cable, rejoin, someone });
  const texts = numbered('message', 30);
  const restart = (async () => {
    await expect.poll(() => talk.visitor.texts().then((shown) => shown.length)).toBeGreaterThan(10);
    expect(await rejoin.stop('SIGTERM')).toBe(0);
    await rejoin.restart();
  })();
  for (const text of texts) await talk.visitor.send(text);
  await restart;
  await talk.visitor.expectLink('online', { timeout: 30_000 });
  await expectEverywhere({ ...talk, rejoin }, ['Hello', ...texts]);
});

test('a link into a black hole is given up, and what the hole held is not taken twice', async ({
  page,
  cable,
  rejoin,
  someone,
}, testInfo) => {
  const talk = await meet({ page, cable, rejoin, someone });
  cable.blackhole(true);
  const sentAt = Date.now();
  await talk.visitor.send('Into the hole');
  await talk.operator.send('Out of the hole');
  const noticed = await talk.visitor.broken(sentAt, { timeout: 30_000 });
  print(testInfo, 'a black hole noticed after a send', [noticed]);
  await expect(talk.visitor.banner).toContainText(/Reconnecting|No connection/);
  const openAt = Date.now();
  cable.blackhole(false);
  const back = await talk.visitor.rejoined(sentAt, { timeout: 30_000 });
  print(testInfo, 'back after a black hole', [sentAt + back - openAt]);
  expect(sentAt + back - openAt).toBeLessThan(BACK_MS);
  await expect(talk.visitor.banner).toBeHidden();
  await expect.poll(() => talk.operator.texts().then((texts) => texts.length)).toBe(4);
  expect(cable.counts.held).toBeGreaterThan(0);
  await expectEverywhere({ ...talk, rejoin }, (await talk.operator.texts()).slice(1));
});

test('a frozen server is waited for, and nothing is sent twice when it thaws', async ({ page, cable, rejoin, someone }) => {
  const talk = await meet({ page, cable, rejoin, someone });
  rejoin.freeze(true);
  const sentAt = Date.now();
  await talk.visitor.send('Into the ice');
  await talk.visitor.broken(sentAt, { timeout: 30_000 });
  rejoin.freeze(false);
  await talk.visitor.expectLink('online', { timeout: 30_000 });
  await expectEverywhere({ ...talk, rejoin }, ['Hello', 'Into the ice']);
});
