// A sound for a message that nobody is looking at: in one tab of all, and only where it is wanted.
import { test, expect } from './fixtures.mjs';
import { Operator } from './operator.mjs';
import { Visitor } from './visitor.mjs';

/** Counts the tones that a page plays. */
async function listen(page) {
  await page.addInitScript(() => {
    globalThis.tones = 0;
    const { start } = OscillatorNode.prototype;
    OscillatorNode.prototype.start = function (...when) {
      globalThis.tones += 1;
      return start.apply(this, when);
    };
  });
}

const tones = (page) => page.evaluate(() => globalThis.tones);

/** Two tabs of one visitor with closed panels, where somebody has been, and an operator. */
async function twoTabs({ page, context, rejoin, someone }) {
  const other = await context.newPage();
  await listen(page);
  await listen(other);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectDelivery('Hello', 'sent');
  await page.evaluate(() => globalThis.rejoin('close'));
  const second = await Visitor.visit(other, `${rejoin.url}/demo/one`);
  await second.expectMessages(['Hello']);
  await second.expectLink('online');
  await other.evaluate(() => globalThis.rejoin('close'));
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(await visitor.dialogId());
  return { visitor, second, operator, pages: [page, other] };
}

const unread = (page) => page.evaluate(() => globalThis.rejoin('get', 'unread'));

test('a message rings in one of two tabs', async ({ page, context, rejoin, someone }) => {
  const { operator, pages } = await twoTabs({ page, context, rejoin, someone });
  await operator.send('Anybody there?');
  for (const tab of pages) await expect.poll(() => unread(tab)).toBe(1);
  await expect.poll(async () => (await tones(pages[0])) + (await tones(pages[1]))).toBe(1);
});

test('a page that was told to be silent is', async ({ page, context, rejoin, someone }) => {
  const { operator, pages } = await twoTabs({ page, context, rejoin, someone });
  for (const tab of pages) await tab.evaluate(() => globalThis.rejoin('sound', false));
  await operator.send('Anybody there?');
  for (const tab of pages) await expect.poll(() => unread(tab)).toBe(1);
  expect((await tones(pages[0])) + (await tones(pages[1]))).toBe(0);
});

test('a message that is read as it comes does not ring', async ({ page, context, rejoin, someone }) => {
  const { visitor, operator, pages } = await twoTabs({ page, context, rejoin, someone });
  await pages[1].close();
  await page.evaluate(() => globalThis.rejoin('open'));
  await operator.send('Here I am');
  await visitor.expectMessages(['Hello', 'Here I am']);
  expect(await tones(page)).toBe(0);
});
