// The welcome is there exactly once: on the screen and in the log.
import { test, expect, CONNECTION_TROUBLE, GATE_CLOSED } from './fixtures.mjs';
import { expectLog } from './operator.mjs';
import { Visitor } from './visitor.mjs';

async function expectOneWelcome(visitor, others) {
  await expect(visitor.log.getByText('Hello from the studio!')).toHaveCount(1);
  await expect.poll(async () => (await visitor.texts()).length).toBe(others + 1);
  expect((await visitor.texts())[0]).toContain('Hello from the studio!');
}

test('one welcome before the first message and after it', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await expectOneWelcome(visitor, 0);
  await visitor.send('Hi');
  await visitor.expectDelivery('Hi', 'sent');
  await expectOneWelcome(visitor, 1);
  await expectLog(rejoin, await visitor.dialogId(), ['Hi']);
});

test('a reload brings no second welcome, with a dialog and without', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await page.reload();
  await visitor.open();
  await expectOneWelcome(visitor, 0);
  await visitor.send('Hi');
  await visitor.expectDelivery('Hi', 'sent');
  for (let round = 0; round < 3; round += 1) {
    await page.reload();
    await visitor.open();
    await visitor.expectLink('online');
    await expectOneWelcome(visitor, 1);
  }
  await expectLog(rejoin, await visitor.dialogId(), ['Hi']);
});

test('a second tab shows the same dialog with one welcome', async ({ page, context, rejoin }) => {
  const first = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await first.send('From the first tab');
  await first.expectDelivery('From the first tab', 'sent');
  const second = await Visitor.visit(await context.newPage(), `${rejoin.url}/demo/one`);
  await second.send('From the second tab');
  for (const tab of [first, second]) {
    await tab.expectMessages(['From the first tab', 'From the second tab']);
    await expectOneWelcome(tab, 2);
  }
  expect(await second.dialogId()).toBe(await first.dialogId());
  await expectLog(rejoin, await first.dialogId(), ['From the first tab', 'From the second tab']);
});

test('a tab that was open before the first message joins the dialog of the other one', async ({
  page,
  context,
  rejoin,
}) => {
  const first = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  const second = await Visitor.visit(await context.newPage(), `${rejoin.url}/demo/one`);
  await first.send('One');
  await second.expectMessages(['One']);
  await second.send('Two');
  for (const tab of [first, second]) {
    await tab.expectMessages(['One', 'Two']);
    await expectOneWelcome(tab, 2);
  }
  await expectLog(rejoin, await first.dialogId(), ['One', 'Two']);
});

test('a restart of the server brings no second welcome', async ({ page, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE, GATE_CLOSED);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hi');
  await visitor.expectDelivery('Hi', 'sent');
  for (const signal of ['SIGTERM', 'SIGKILL']) {
    await rejoin.restart(signal);
    await visitor.expectLink('online', { timeout: 30_000 });
    await expectOneWelcome(visitor, 1);
  }
  await page.reload();
  await visitor.open();
  await expectOneWelcome(visitor, 1);
  await expectLog(rejoin, await visitor.dialogId(), ['Hi']);
});
