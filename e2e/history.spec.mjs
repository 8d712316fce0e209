// The back-forward cache: the page goes away as it is, and comes back.
//
// Firefox keeps no page that has a WebSocket open when it is left, even if it closes it in `pagehide`: there the page with a
// talk is loaded anew, and must show the same.
import { test as base, expect } from './fixtures.mjs';
import { Operator, expectLog } from './operator.mjs';
import { Visitor, goBack } from './visitor.mjs';

// Playwright switches Chromium's cache off; Firefox has no such option.
const test = base.extend({
  launchOptions: [
    async ({ launchOptions, browserName }, use) =>
      use(browserName === 'chromium' ? { ...launchOptions, ignoreDefaultArgs: ['--disable-back-forward-cache'] } : launchOptions),
    { scope: 'worker' },
  ],
});

/** Writes down, in the page, how it comes back; a page that is loaded anew knows nothing of it. */
async function watchReturn(page) {
  await page.evaluate(() => {
    globalThis.persisted = [];
    addEventListener('pageshow', (event) => globalThis.persisted.push(event.persisted));
  });
}

/** Goes back, and waits for the very same page: what it noted is still there. Until it is, there may be no page to ask. */
async function goBackToKept(page) {
  await goBack(page);
  const look = async () => {
    const [persisted, reasons] = await page.evaluate(() => [
      globalThis.persisted,
      JSON.stringify(performance.getEntriesByType('navigation')[0]?.notRestoredReasons ?? null),
    ]);
    expect(persisted, `why it was not kept: ${reasons}`).toEqual([true]);
  };
  await expect(look).toPass({ timeout: 30_000 });
}

test('a page with the panel open and no dialog stays eligible for the back-forward cache', async ({ page, rejoin, browserName }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  // From the first letter on a page holds a lock, which Firefox minds even if it is let go of in `pagehide`.
  const draft = browserName === 'firefox' ? '' : 'A draft';
  await visitor.field.fill(draft);
  // The link, which the first letter asks for, is there; a page that is still fetching it may not be kept.
  await visitor.expectLink('idle');
  await watchReturn(page);
  await page.goto(`${rejoin.url}/demo/two`);
  await goBackToKept(page);
  if (browserName === 'firefox') {
    // Playwright's locators do not find their way back into a kept page here.
    await page.reload();
    await visitor.open();
  }
  await expect(visitor.field).toHaveValue(draft);
  await visitor.send('Sent after all');
  await visitor.expectDelivery('Sent after all', 'sent');
  await expectLog(rejoin, await visitor.dialogId(), ['Sent after all']);
});

test('a page from the back-forward cache goes on where it was', async ({ page, rejoin, someone, browserName }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Before I left');
  await visitor.expectLink('online');
  const dialogId = await visitor.dialogId();
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(dialogId);
  await watchReturn(page);
  await page.goto(`${rejoin.url}/demo/two`);
  await operator.send('While you were away');
  await operator.expectMessages(['Before I left', 'While you were away']);
  if (browserName === 'firefox') {
    await goBack(page);
    await page.waitForURL('**/demo/one');
    await visitor.open();
  } else {
    await goBackToKept(page);
  }
  await visitor.expectMessages(['Before I left', 'While you were away']);
  await visitor.expectLink('online');
  await visitor.send('I am back');
  await visitor.expectDelivery('I am back', /sent|delivered|read/);
  const all = ['Before I left', 'While you were away', 'I am back'];
  await visitor.expectMessages(all);
  await operator.expectMessages(all);
  await expectLog(rejoin, dialogId, all);
});

test('a visitor who walks from page to page takes the dialog along', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('On the first page');
  // At once, before an answer can have come.
  await page.goto(`${rejoin.url}/demo/two`);
  await page.goto(`${rejoin.url}/demo/one`);
  await visitor.open();
  await visitor.expectMessages(['On the first page']);
  await visitor.expectDelivery('On the first page', 'sent');
  await expectLog(rejoin, await visitor.dialogId(), ['On the first page']);
});
