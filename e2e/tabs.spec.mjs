// Several tabs of one visitor: one dialog, one outbox, and the same messages in each.
import { test, expect, CONNECTION_TROUBLE } from './fixtures.mjs';
import { expectLog, readLog } from './operator.mjs';
import { Visitor, numbered } from './visitor.mjs';

/** Opens the panel in so many tabs of one visitor. */
async function openTabs(context, address, count) {
  const pages = [];
  // One after the other: Firefox may fail to open two at once.
  while (pages.length < count) pages.push(await context.newPage());
  return Promise.all(pages.map((page) => Visitor.visit(page, address)));
}

/** Does something in every tab in the same millisecond, as far as the machine can: timers are late, the clock is not. */
async function together(tabs, act, values) {
  const at = Date.now() + 300;
  const inPage = (field, { at, act, value }) =>
    new Promise((resolve) => {
      const now = () => {
        while (Date.now() < at);
        if (act === 'press') field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true }));
        else globalThis.rejoin('send', value);
        resolve();
      };
      setTimeout(now, Math.max(0, at - Date.now() - 20));
    });
  await Promise.all(tabs.map((tab, index) => tab.field.evaluate(inPage, { at, act, value: values[index] })));
}

/** Each tab has been written in for a while. */
async function pressEnterTogether(tabs, texts) {
  for (const [index, tab] of tabs.entries()) await tab.field.fill(texts[index]);
  await together(tabs, 'press', texts);
}

/** Nobody has written anything yet: whatever is loaded for it is loaded then. */
async function commandTogether(tabs, texts) {
  await together(tabs, 'command', texts);
}

/** Every message is there once in every tab, in the order of the log, which has each once. */
async function expectSame(rejoin, tabs, texts) {
  const dialogId = await tabs[0].dialogId();
  await expect.poll(async () => (await readLog(rejoin, dialogId)).slice(1).map(({ text }) => text).sort()).toEqual([...texts].sort());
  const inOrder = (await readLog(rejoin, dialogId)).slice(1).map(({ text }) => text);
  for (const tab of tabs) await tab.expectMessages(inOrder);
  await expectLog(rejoin, dialogId, inOrder);
  return inOrder;
}

/** How many dialogs there are, by the operator's list. */
async function countDialogs(rejoin) {
  const answer = await fetch(`${rejoin.url}/api/dialogs`, { headers: { authorization: `Bearer ${await rejoin.operatorToken()}` } });
  return (await answer.json()).dialogs.length;
}

test('three tabs that write at the same time have one dialog, each message once and each tab’s in order', async ({ context, rejoin }) => {
  const tabs = await openTabs(context, `${rejoin.url}/demo/one`, 3);
  await tabs[0].send('Hello');
  for (const tab of tabs) await tab.expectMessages(['Hello']);
  const own = tabs.map((_, index) => numbered(`tab ${index + 1}, message`, 10));
  await Promise.all(
    tabs.map(async (tab, index) => {
      for (const text of own[index]) await tab.send(text);
    }),
  );
  const texts = await expectSame(rejoin, tabs, ['Hello', ...own.flat()]);
  for (const [index, sent] of own.entries()) {
    expect(texts.filter((text) => text.startsWith(`tab ${index + 1},`))).toEqual(sent);
  }
});

test('a server that dies while two tabs write takes each message once', async ({ context, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE);
  const tabs = await openTabs(context, `${rejoin.url}/demo/one`, 2);
  await tabs[0].send('Hello');
  for (const tab of tabs) await tab.expectMessages(['Hello']);
  const own = tabs.map((_, index) => numbered(`tab ${index + 1}, message`, 10));
  await Promise.all([
    ...tabs.map(async (tab, index) => {
      for (const text of own[index]) await tab.send(text);
    }),
    rejoin.restart('SIGKILL'),
  ]);
  const texts = await expectSame(rejoin, tabs, ['Hello', ...own.flat()]);
  for (const [index, sent] of own.entries()) {
    expect(texts.filter((text) => text.startsWith(`tab ${index + 1},`))).toEqual(sent);
  }
});

for (const { what, sendTogether } of [
  { what: 'Enter in two tabs', sendTogether: pressEnterTogether },
  { what: 'message of two pages’ own scripts', sendTogether: commandTogether },
]) {
  test(`the very first ${what} at the same moment makes one dialog`, async ({ browser, browserName, noise, rejoin }) => {
    test.slow();
    // In Firefox the tabs of one site share a process, and its storage has nothing to catch up with.
    const ROUNDS = browserName === 'firefox' ? 2 : 4;
    const before = await countDialogs(rejoin);
    for (let round = 1; round <= ROUNDS; round += 1) {
      const context = await browser.newContext();
      noise.listen(context);
      const tabs = await openTabs(context, `${rejoin.url}/demo/one`, 2);
      const texts = tabs.map((_, index) => `round ${round}, tab ${index + 1}`);
      await sendTogether(tabs, texts);
      for (const [index, tab] of tabs.entries()) await tab.expectDelivery(texts[index], /sent|delivered|read/);
      expect.soft(await countDialogs(rejoin), 'dialogs so far').toBe(before + round);
      await expectSame(rejoin, tabs, texts);
      await context.close();
    }
  });
}

test('what a closed tab could not send is sent once, by the next one', async ({ context, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE);
  const [first, second] = await openTabs(context, `${rejoin.url}/demo/one`, 2);
  await first.send('Hello');
  await second.expectMessages(['Hello']);
  await rejoin.stop('SIGKILL');
  await first.send('My last words here');
  await expect.poll(async () => (await first.texts()).at(-1)).toBe('My last words here');
  await first.page.close();
  await rejoin.restart();
  await second.expectLink('online');
  const third = await Visitor.visit(await context.newPage(), `${rejoin.url}/demo/one`);
  await expectSame(rejoin, [second, third], ['Hello', 'My last words here']);
});
