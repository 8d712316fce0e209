// The back-forward cache: the page goes away as it is, and comes back.
import { test as base, expect } from './fixtures.mjs';
import { Operator, expectLog } from './operator.mjs';
import { Visitor } from './visitor.mjs';

// Playwright switches the cache off.
const test = base.extend({
  launchOptions: [
    async ({ launchOptions }, use) =>
      use({ ...launchOptions, ignoreDefaultArgs: ['--disable-back-forward-cache'] }),
    { scope: 'worker' },
  ],
});

test('a page from the back-forward cache goes on where it was', async ({ page, rejoin, someone }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Before I left');
  await visitor.expectLink('online');
  const dialogId = await visitor.dialogId();
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(dialogId);
  await page.evaluate(() => {
    globalThis.persisted = [];
    addEventListener('pageshow', (event) => globalThis.persisted.push(event.persisted));
  });

  await page.goto(`${rejoin.url}/demo/two`);
  await operator.send('While you were away');
  await operator.expectMessages(['Before I left', 'While you were away']);
  await page.evaluate(() => history.back());
  // The very same page: what it noted is still there. Until it is, there may be no page to ask.
  await expect(async () => expect(await page.evaluate(() => globalThis.persisted)).toEqual([true])).toPass({ timeout: 10_000 });
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
