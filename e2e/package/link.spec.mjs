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
