// Several tabs cost less than several links: one that is hidden rests while another leads.
import { test, expect } from './fixtures.mjs';
import { Operator } from './operator.mjs';
import { Visitor } from './visitor.mjs';

async function links(rejoin) {
  const health = await (await fetch(`${rejoin.url}/health/websocket`)).json();
  return health.active_site_connections;
}

/** Tells a page that it is hidden, or seen again. */
function show(page, state) {
  return page.evaluate((visibility) => {
    Object.defineProperty(document, 'visibilityState', { value: visibility, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);
}

test('a hidden tab that does not lead lets its link go, and has everything when it is seen', async ({ page, context, rejoin, someone }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectLink('online');
  const other = await context.newPage();
  await other.clock.install();
  const second = await Visitor.visit(other, `${rejoin.url}/demo/one`);
  await second.expectLink('online');
  await expect.poll(() => links(rejoin)).toBe(2);

  await show(other, 'hidden');
  await other.clock.fastForward('01:01');
  await expect.poll(() => links(rejoin)).toBe(1);
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(await visitor.dialogId());
  await operator.send('While you were away');
  await visitor.expectMessages(['Hello', 'While you were away']);

  await show(other, 'visible');
  await other.clock.runFor(1_000);
  await second.expectMessages(['Hello', 'While you were away']);
  await expect.poll(() => links(rejoin)).toBe(2);
});

test('a hidden tab takes over when the one that leads is closed', async ({ page, context, rejoin, someone }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectLink('online');
  const dialogId = await visitor.dialogId();
  const other = await context.newPage();
  await other.clock.install();
  const second = await Visitor.visit(other, `${rejoin.url}/demo/one`);
  await second.expectLink('online');
  await show(other, 'hidden');
  await other.clock.fastForward('01:01');
  await expect.poll(() => links(rejoin)).toBe(1);

  await page.close();
  await expect.poll(async () => (await other.clock.runFor(200), links(rejoin))).toBe(1);
  await second.expectLink('online');
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(dialogId);
  await operator.send('Still there?');
  await second.expectMessages(['Hello', 'Still there?']);
});
