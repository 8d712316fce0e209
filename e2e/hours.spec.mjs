// Business hours: what a visitor sees when nobody is there, and the address that may be left then.
import { test, expect } from './fixtures.mjs';
import { addSite, close, snippet } from './host.mjs';
import { Operator } from './operator.mjs';
import { Visitor } from './visitor.mjs';

test.describe('at night', () => {
  test.use({ timezoneId: 'UTC' });

  test('the panel says when somebody is back, asks for an address once, and keeps it', async ({ page, host, rejoin, someone, noise }) => {
    const token = await addSite(rejoin, { origins: [host.url] });
    await close(rejoin, token, ['--away', 'Orders are shipped all the same.']);
    const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
    await expect(visitor.dialog).toContainText('We’re back tomorrow at 9:00 AM');
    await expect(visitor.dialog).toContainText('Orders are shipped all the same.');
    const email = visitor.dialog.getByLabel('Leave your e-mail and we will write to you');
    await expect(email).toHaveCount(0);
    await visitor.send('Is anybody there?');
    await expect(email).toBeVisible();
    await email.fill('ann');
    await email.press('Enter');
    await expect(visitor.dialog.getByRole('alert')).toHaveText('Please check the e-mail address');
    await expect(email).toBeFocused();
    await email.fill('ann@shop.example');
    await visitor.dialog.getByRole('button', { name: 'Save' }).click();
    await expect(visitor.dialog).toContainText('We will write to you by e-mail');
    await expect(email).toBeHidden();
    await expect(visitor.dialog.getByRole('button', { name: 'Change' })).toBeFocused();

    const operator = await Operator.hire(await someone(), rejoin, { email: 'ann@soap.example', name: 'Ann' });
    const dialogId = await visitor.dialogId();
    await operator.open(dialogId);
    await expect(operator.page.getByRole('link', { name: 'ann@shop.example' })).toBeVisible();

    // Asked once: also after a reload.
    await page.reload();
    await visitor.open();
    await expect(visitor.dialog).toContainText('We will write to you by e-mail');
    await expect(email).toBeHidden();
    await visitor.dialog.getByRole('button', { name: 'Change' }).click();
    await email.fill('ann@home.example');
    await email.press('Enter');
    await expect(email).toBeHidden();
    await expect(operator.page.getByRole('link', { name: 'ann@home.example' })).toBeVisible();
    expect(rejoin.log()).not.toContain('ann@');
    expect(noise.heard()).toEqual([]);
  });

  test('the address that one visitor has written is not in the field of the next', async ({ page, host, rejoin }) => {
    const token = await addSite(rejoin, { origins: [host.url] });
    await close(rejoin, token, []);
    const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
    const email = visitor.dialog.getByLabel('Leave your e-mail and we will write to you');
    for (const text of ['The first visitor', 'The next one']) {
      await visitor.send(text);
      await visitor.expectDelivery(text, 'sent');
      await expect(email).toHaveValue('');
      await email.fill('ann@shop.example');
      await page.evaluate(() => globalThis.rejoin('logout'));
      await expect(email).toBeHidden();
    }
  });

  test('an address that is left without a network is kept through a reload, and comes later', async ({ page, host, rejoin, noise }) => {
    noise.allow(/ERR_FAILED/);
    const token = await addSite(rejoin, { origins: [host.url] });
    await close(rejoin, token);
    const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
    await visitor.send('Hello');
    await visitor.expectDelivery('Hello', 'sent');
    await visitor.expectLink('online');
    await page.route('**/contact?*', (route) => route.abort());
    const email = visitor.dialog.getByLabel('Leave your e-mail and we will write to you');
    await email.fill('ann@shop.example');
    await email.press('Enter');
    await expect(visitor.dialog).toContainText('We will write to you by e-mail');
    const kept = () => page.evaluate(() => Object.keys(localStorage).filter((name) => name.endsWith(':mail')).length);
    expect(await kept()).toBe(1);
    await page.unroute('**/contact?*');
    await page.reload();
    // Forgotten here when the server has it.
    await expect.poll(kept).toBe(0);
    await visitor.open();
    await expect(visitor.dialog).toContainText('We will write to you by e-mail');
  });

  test('a page that is open when the hours begin says so by itself', async ({ page, host, rejoin }) => {
    const token = await addSite(rejoin, { origins: [host.url] });
    const opens = await close(rejoin, token);
    await page.clock.install({ time: new Date(opens.getTime() - 60_000) });
    await page.route('**/api/site/config?*', async (route) => {
      const answer = await (await route.fetch()).json();
      // The server's clock is not ours to set.
      await route.fulfill({ json: { ...answer, now: opens.getTime() - 60_000 } });
    });
    const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
    await expect(visitor.dialog).toContainText('We’re back today at 9:00 AM');
    await page.clock.runFor(59_000);
    await expect(visitor.dialog).toContainText('We’re back today at 9:00 AM');
    await page.clock.runFor(2_000);
    await expect(visitor.dialog).not.toContainText('We’re back');
    await expect(visitor.dialog).toContainText('Write to us, we answer here');
  });
});

test.describe('in Tokyo, in German', () => {
  test.use({ timezoneId: 'Asia/Tokyo', locale: 'de-DE' });

  test('the time is the visitor’s own', async ({ page, host, rejoin }) => {
    const token = await addSite(rejoin, { origins: [host.url] });
    const opens = await close(rejoin, token);
    const visitor = new Visitor(page);
    await page.goto(host.page('/', snippet(rejoin, token, 'data-open data-locale="de"')));
    const tokyo = new Date(opens.getTime() + 9 * 3_600_000);
    const day = (date) => Math.floor(date.getTime() / 86_400_000);
    const ahead = day(tokyo) - day(new Date(Date.now() + 9 * 3_600_000));
    await expect(visitor.dialog).toContainText(ahead === 1 ? 'Wir sind morgen um 18:00 wieder da' : 'Wir sind heute um 18:00 wieder da');
  });
});

test.describe('a site without hours', () => {
  test.use({ serve: { args: ['--absent-ms', '0'] } });

  test('says that nobody is there until an operator comes', async ({ page, host, rejoin, someone }) => {
    const token = await addSite(rejoin, { origins: [host.url] });
    const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
    await expect(visitor.dialog).toContainText('Nobody is here right now');
    await visitor.send('Hello?');
    const email = visitor.dialog.getByLabel('Leave your e-mail and we will write to you');
    await expect(email).toBeVisible();
    const operator = await Operator.hire(await someone(), rejoin, { email: 'ann@soap.example', name: 'Ann' });
    await operator.open(await visitor.dialogId());
    await expect(email).toBeHidden();
    await expect(visitor.dialog).not.toContainText('Nobody is here right now');
    await expect(visitor.dialog).toContainText('Ann');
  });
});
