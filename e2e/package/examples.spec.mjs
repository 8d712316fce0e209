// The examples of the documentation, and pages that replace themselves: one widget, one welcome, whatever the page does.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { snippet } from '../host.mjs';
import { Visitor } from '../visitor.mjs';
import { here } from './build.mjs';
import { expect, test } from './fixtures.mjs';

for (const framework of ['react', 'vue']) {
  test(`in ${framework} there is one widget, as launcher or inline, however fast the page is turned`, async ({ page, rejoin, site, token }) => {
    await page.goto(site.page(`examples/${framework}/index.html`, { rejoin, token }));
    const visitor = new Visitor(page);
    await expect(visitor.launcher).toHaveCount(1);
    await visitor.open();
    expect(await visitor.texts()).toEqual(['Welcome to the soap shop.']);
    await visitor.send('From a component');
    await visitor.expectDelivery('From a component', 'sent');
    const turn = (name) => page.getByRole('button', { name, exact: true }).click();
    // Inline: the same talk, in its place.
    await turn('help');
    await expect(visitor.launcher).toHaveCount(0);
    await expect(visitor.dialog).toHaveCount(1);
    await visitor.expectMessages(['From a component']);
    expect((await visitor.dialog.boundingBox()).height).toBe(480);
    // Turned faster than anything can load.
    await page.evaluate(async () => {
      const buttons = [...document.querySelectorAll('nav button')];
      for (let round = 0; round < 30; round += 1) {
        buttons[round % 3].click();
        if (round % 4 === 0) await new Promise(requestAnimationFrame);
      }
    });
    await turn('quiet');
    await expect(visitor.launcher).toHaveCount(0);
    await expect(visitor.dialog).toHaveCount(0);
    await turn('shop');
    await expect(visitor.launcher).toHaveCount(1);
    await visitor.launcher.click();
    await visitor.expectMessages(['From a component']);
    await expect(visitor.dialog).toHaveCount(1);
  });
}

test('the plain page works as it is printed, with the server and the site filled in', async ({ page, rejoin, site, token }) => {
  const printed = await readFile(join(here, '../../examples/plain/index.html'), 'utf8');
  await page.goto(site.put('/plain.html', printed.replace('https://chat.example.com', rejoin.url).replace('st_demo', token)));
  await page.getByRole('button', { name: 'Chat with us' }).click();
  const visitor = new Visitor(page);
  await expect(visitor.bubbles).toHaveText(['Welcome to the soap shop.']);
  await expect(page.getByRole('status')).toHaveText('0');
});

/** Two pages that link to each other, with this in their heads. */
function pages(site, line, head) {
  const page = (name, other) => `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${name}</title>
    <link rel="icon" href="data:,">${head}</head><body><h1>${name}</h1><a href="/${other}.html">To ${other}</a>${line}</body></html>`;
  site.put('/two.html', page('two', 'one'));
  return site.put('/one.html', page('one', 'two'));
}

test('Turbo replaces the body, and the open talk goes on', async ({ page, rejoin, site, token }) => {
  const turbo = '<script type="module" src="/node_modules/@hotwired/turbo/dist/turbo.es2017-esm.js"></script>';
  const visitor = await Visitor.visit(page, pages(site, snippet(rejoin, token), turbo));
  await page.evaluate(() => (globalThis.sameDocument = true));
  await visitor.send('On the first page');
  await visitor.expectDelivery('On the first page', 'sent');
  for (const [name, text] of [['two', 'On the second'], ['one', 'And back again']]) {
    // Beneath the panel, perhaps.
    await page.getByRole('link', { name: `To ${name}` }).dispatchEvent('click');
    await expect(page.getByRole('heading', { name, exact: true })).toBeVisible();
    await expect(visitor.dialog).toBeVisible();
    await visitor.send(text);
    await visitor.expectDelivery(text, 'sent');
  }
  await page.goBack();
  await expect(page.getByRole('heading', { name: 'two' })).toBeVisible();
  expect(await page.evaluate(() => globalThis.sameDocument), 'Turbo turned the pages').toBe(true);
  await visitor.expectMessages(['On the first page', 'On the second', 'And back again']);
  await expect(visitor.launcher).toHaveCount(1);
});

test('view transitions, within a document and between two, leave one widget and one welcome', async ({ page, rejoin, site, token }) => {
  const style = '<style>@view-transition { navigation: auto }</style>';
  const visitor = await Visitor.visit(page, pages(site, snippet(rejoin, token), style));
  await visitor.send('Before the transition');
  await visitor.expectDelivery('Before the transition', 'sent');
  await page.evaluate(async () => {
    const change = document.startViewTransition(() => {
      const body = document.createElement('body');
      body.innerHTML = '<h1>another</h1><a href="/two.html">To two</a>';
      document.body.replaceWith(body);
    });
    await change.finished;
  });
  await visitor.expectMessages(['Before the transition']);
  await page.getByRole('link', { name: 'To two' }).dispatchEvent('click');
  await expect(page.getByRole('heading', { name: 'two' })).toBeVisible();
  await visitor.open();
  await visitor.expectMessages(['Before the transition']);
  await expect(visitor.launcher).toHaveCount(1);
});
