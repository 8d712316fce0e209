// Pages with strict content security policies.
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test, expect } from './fixtures.mjs';
import { addSite, snippet } from './host.mjs';
import { Operator } from './operator.mjs';
import { Visitor } from './visitor.mjs';

/** The strictest policy that the chat needs, for a page on another origin. */
function policy(rejoin, changes = {}) {
  const socket = rejoin.url.replace('http', 'ws');
  const directives = {
    'default-src': "'none'",
    'script-src': `${rejoin.url} 'wasm-unsafe-eval'`,
    'connect-src': `${rejoin.url} ${socket}`,
    'style-src': "'none'",
    'img-src': 'data:',
    'base-uri': "'none'",
    'form-action': "'none'",
    'require-trusted-types-for': "'script'",
    'trusted-types': "'none'",
    ...changes,
  };
  return { 'content-security-policy': Object.entries(directives).map((words) => words.join(' ')).join('; ') };
}

test('the chat works under a policy that forbids styles, markup from strings and eval', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token), policy(rejoin)));
  await visitor.send('Strict, see https://example.com/');
  await visitor.expectDelivery('Strict, see https://example.com/', 'sent');
  await expect(visitor.log.getByRole('link')).toHaveAttribute('href', 'https://example.com/');
  // Its style sheet is in force.
  // Not its box: the panel comes up with a movement.
  await expect(visitor.dialog).toHaveCSS('width', '400px');
  await expect(visitor.dialog).toHaveCSS('position', 'fixed');
});

for (const { missing, changes, line } of [
  { missing: 'WebAssembly', changes: (rejoin) => ({ 'script-src': rejoin.url }), line: /wasm_blocked.*'wasm-unsafe-eval'/ },
  { missing: 'our connections', changes: () => ({ 'connect-src': "'self'" }), line: /csp_blocked.*connect-src/ },
]) {
  test(`a policy that forbids ${missing} is named in one line, with what to change`, async ({ page, host, rejoin, noise }) => {
    noise.allow(/^\[rejoin\]/, /Content[ -]Security[ -]Policy/);
    const token = await addSite(rejoin, { origins: [host.url] });
    await page.goto(host.page('/', snippet(rejoin, token), policy(rejoin, changes(rejoin))));
    await page.getByRole('button', { name: 'Open chat' }).click();
    const ours = () => noise.heard().filter((text) => text.startsWith('[rejoin]'));
    await expect.poll(() => ours().join('\n')).toMatch(line);
    // What would be said as well would be said by now: the page has had a moment with nothing to do.
    await page.evaluate(() => new Promise((idle) => requestIdleCallback(idle)));
    expect(ours()).toHaveLength(1);
    // The page's own script hears the same word.
    expect(await page.evaluate(() => rejoin('get', 'error'))).toBe(/(\w+)\.\*/.exec(line.source)[1]);
  });
}

test('the picture of whoever answers needs no img-src, and is a letter where there is none', async ({ page, host, rejoin, someone }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const ann = await Operator.hire(await someone(), rejoin, { email: 'ann@soap.example', name: 'Ann' });
  const bob = await Operator.hire(await someone(), rejoin, { email: 'bob@soap.example', name: 'Bob' });
  const picture = join(rejoin.data, 'ann.png');
  await writeFile(picture, await ann.page.screenshot({ clip: { x: 0, y: 0, width: 60, height: 40 } }));
  const set = await rejoin.command('operator', 'set', 'ann@soap.example', '--avatar', picture, '--data', rejoin.data);
  expect(set).toContain('ann@soap.example has a picture');
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token), policy(rejoin)));
  await visitor.send('Who is there?');
  const dialogId = await visitor.dialogId();
  await ann.open(dialogId);
  await ann.send('Ann is');
  await expect(visitor.dialog.locator('canvas')).toBeVisible();
  await expect(visitor.dialog.locator('canvas')).toHaveCSS('width', '40px');
  await bob.open(dialogId);
  await bob.send('Bob is');
  await visitor.expectMessages(['Who is there?', 'Ann is', 'Bob is']);
  await expect(visitor.dialog.locator('canvas')).toHaveCount(0);
  await expect(visitor.dialog.locator('.a')).toHaveText('B');
  expect(await page.evaluate(() => rejoin('get', 'agent'))).toEqual({ kind: 'operator', name: 'Bob' });
});
