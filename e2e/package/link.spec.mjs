// The headless link of the installed package, in pages of every make.
import { CONNECTION_TROUBLE } from '../noise.mjs';
import { Operator } from '../operator.mjs';
import { Visitor } from '../visitor.mjs';
import { expect, test } from './fixtures.mjs';

for (const make of ['plain', 'vite', 'webpack', 'esbuild']) {
  test(`a page of its own making talks over the link (${make})`, async ({ page, rejoin, site, token, modules, someone, noise }) => {
    noise.allow(CONNECTION_TROUBLE);
    await page.goto(site.page(`${make}/link.html`, { rejoin, token }));
    const rows = page.getByRole('log').getByRole('listitem');
    await expect(rows).toHaveText(['Welcome to the soap shop.']);
    await page.getByLabel('Message').fill('Out of a package');
    await page.getByRole('button', { name: 'Send' }).click();
    await expect(rows.nth(1)).toHaveAttribute('data-delivery', 'sent');
    const dialogId = await new Visitor(page).dialogId();
    const operator = await Operator.hire(await someone(), rejoin, { email: 'ann@soap.example', name: 'Ann' });
    await operator.open(dialogId);
    await operator.send('An answer');
    await expect(rows).toHaveText(['Welcome to the soap shop.', 'Out of a package', 'An answer']);

    // The server dies: what is written meanwhile is kept, and sent once.
    await rejoin.stop('SIGKILL');
    await expect(page.getByRole('log')).toHaveAttribute('data-state', /reconnecting|offline/);
    await page.evaluate(() => link.send('Written in the dark'));
    await rejoin.restart();
    await expect(rows.nth(3)).toHaveAttribute('data-delivery', /sent|delivered|read/, { timeout: 30_000 });
    await operator.expectMessages(['Out of a package', 'An answer', 'Written in the dark']);
    await expect(rows).toHaveText(['Welcome to the soap shop.', 'Out of a package', 'An answer', 'Written in the dark']);
    expect(modules).toHaveLength(make === 'esbuild' ? 0 : 1);
  });
}

test('a token that was asked for before a log-out is not given for who comes next', async ({ page, rejoin, site, token }) => {
  await page.goto(site.page('plain/link.html', { rejoin, token }));
  await expect(page.getByRole('log').getByRole('listitem')).toHaveText(['Welcome to the soap shop.']);
  await page.evaluate(async () => {
    const { connect } = await import('rejoin');
    const query = new URLSearchParams(location.search);
    globalThis.asked = [];
    const getToken = () => new Promise((done) => asked.push(done));
    link.close();
    globalThis.link = await connect({ siteToken: query.get('token'), baseUrl: query.get('base'), getToken });
    link.panel(true);
  });
  const asked = () => page.evaluate(() => asked.length);
  await expect.poll(asked).toBe(1);
  await page.evaluate(() => {
    link.logout();
    link.identify();
  });
  await expect.poll(asked, 'the next one is asked as well').toBe(2);
  // A text that is no token is refused at once, where it is taken for an answer at all.
  const refused = await page.evaluate(async () => {
    const refused = [];
    link.on('refused', (value) => refused.push(value));
    asked[0]('of the former visitor');
    await new Promise((done) => setTimeout(done));
    return refused;
  });
  expect(refused).toEqual([]);
});
