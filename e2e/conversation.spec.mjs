// A visitor and an operator talk.
import { test, expect } from './fixtures.mjs';
import { Operator, expectLog } from './operator.mjs';
import { Visitor, numbered } from './visitor.mjs';

test('what one side writes is on the other side at once, and its delivery is told up to read', async ({
  page,
  rejoin,
  someone,
}) => {
  const operator = await Operator.logIn(await someone(), rejoin);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Do you ship to Norway?');
  const dialogId = await visitor.dialogId();

  await operator.open(dialogId);
  await operator.expectMessages(['Do you ship to Norway?']);
  await visitor.expectDelivery('Do you ship to Norway?', 'read');

  await operator.send('We do, within four days.');
  await visitor.expectMessages(['Do you ship to Norway?', 'We do, within four days.']);
  await expect(operator.messages.last()).toHaveAttribute('data-delivery', 'read');
  await expect(visitor.dialog.getByText('Dana Demo').first()).toBeVisible();
  await expectLog(rejoin, dialogId, ['Do you ship to Norway?', 'We do, within four days.']);
});

test('nobody has read what came while the panel was closed', async ({ page, rejoin, someone }) => {
  const operator = await Operator.logIn(await someone(), rejoin);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello?');
  await operator.open(await visitor.dialogId());
  await visitor.field.press('Escape');
  await expect(visitor.dialog).toBeHidden();
  await operator.send('Good morning!');
  await expect(page.getByRole('button', { name: 'Open chat, 1 unread' })).toBeVisible();
  await expect(operator.messages.last()).toHaveAttribute('data-delivery', 'delivered');
  await visitor.launcher.click();
  await expect(operator.messages.last()).toHaveAttribute('data-delivery', 'read');
  await visitor.field.press('Escape');
  await expect(page.getByRole('button', { name: 'Open chat', exact: true })).toBeVisible();
});

test('each side sees that the other one is typing', async ({ page, rejoin, someone }) => {
  const operator = await Operator.logIn(await someone(), rejoin);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello?');
  await operator.open(await visitor.dialogId());
  // It lapses after six seconds: a slow machine may need to be told again.
  await expect(async () => {
    await visitor.field.pressSequentially('I was wond');
    await expect(operator.page.getByText('The visitor is typing')).toBeVisible({ timeout: 5_000 });
  }).toPass();
  await expect(async () => {
    await operator.reply.pressSequentially('Yes, ple');
    await expect(visitor.log.getByText('Dana Demo is typing…')).toBeAttached({ timeout: 5_000 });
  }).toPass();
  await operator.send('Yes, please?');
  await expect(visitor.log.getByText('Dana Demo is typing…')).toBeHidden();
});

test('one operator talks with two visitors without mixing them up', async ({ page, rejoin, someone }) => {
  const operator = await Operator.logIn(await someone(), rejoin);
  const ann = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  const bob = await Visitor.visit(await someone(), `${rejoin.url}/demo/one`);
  await Promise.all([ann.send('I am Ann'), bob.send('I am Bob')]);
  const [annId, bobId] = [await ann.dialogId(), await bob.dialogId()];
  expect(annId).not.toBe(bobId);

  await operator.open(annId);
  await operator.expectMessages(['I am Ann']);
  await operator.send('Hello Ann');
  await operator.open(bobId);
  await operator.expectMessages(['I am Bob']);
  await operator.send('Hello Bob');

  await ann.expectMessages(['I am Ann', 'Hello Ann']);
  await bob.expectMessages(['I am Bob', 'Hello Bob']);
  await expectLog(rejoin, annId, ['I am Ann', 'Hello Ann']);
  await expectLog(rejoin, bobId, ['I am Bob', 'Hello Bob']);
});

test('three sites talk in parallel, and each hears only its own', async ({ page, rejoin, someone }) => {
  // Six pages on one machine.
  test.slow();
  const operators = [];
  const visitors = [];
  for (const name of ['one', 'two', 'three']) {
    const place = name === 'one' ? page : await someone();
    const visitor = await Visitor.visit(place, `${rejoin.url}/demo/${name}`);
    await visitor.send(`Hello from ${name}`);
    const operator = await Operator.logIn(await someone(), rejoin);
    await operator.open(await visitor.dialogId());
    visitors.push({ name, visitor });
    operators.push({ name, operator });
  }
  const expected = (name) => [
    `Hello from ${name}`,
    ...numbered(name, 10).flatMap((text) => [`${text} asked`, `${text} answered`]),
  ];
  await Promise.all(
    visitors.map(async ({ name, visitor }, index) => {
      const { operator } = operators[index];
      for (const text of numbered(name, 10)) {
        await visitor.send(`${text} asked`);
        await expect.poll(async () => (await operator.texts()).at(-1)).toBe(`${text} asked`);
        await operator.send(`${text} answered`);
        await expect.poll(async () => (await visitor.texts()).at(-1)).toBe(`${text} answered`);
      }
    }),
  );
  for (const [index, { name, visitor }] of visitors.entries()) {
    await visitor.expectMessages(expected(name));
    await operators[index].operator.expectMessages(expected(name));
    await expectLog(rejoin, await visitor.dialogId(), expected(name));
  }
});
