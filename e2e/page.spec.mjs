// What the page around the widget can do: the script's attributes, the API, and all that pages do to scripts.
import { test, expect } from './fixtures.mjs';
import { addSite, snippet } from './host.mjs';
import { Operator, expectLog } from './operator.mjs';
import { Visitor } from './visitor.mjs';

test('a script that is loaded twice makes one widget and one welcome', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const line = snippet(rejoin, token);
  const visitor = await Visitor.visit(page, host.page('/', line + line));
  await expect(visitor.launcher).toHaveCount(1);
  expect(await visitor.texts()).toEqual(['Welcome to the soap shop.']);
  // Once more, as a single-page application would do it.
  await page.evaluate((src) => {
    const script = document.createElement('script');
    script.src = src;
    script.dataset.siteToken = document.querySelector('[data-site-token]').dataset.siteToken;
    return new Promise((resolve) => {
      script.onload = resolve;
      document.body.append(script);
    });
  }, `${rejoin.url}/widget.js`);
  await expect(visitor.launcher).toHaveCount(1);
  await expect(visitor.dialog).toHaveCount(1);
});

test('a page that replaces its whole body keeps the open talk', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
  await visitor.send('Before');
  await visitor.expectDelivery('Before', 'sent');
  await page.evaluate(() => {
    document.documentElement.replaceChild(document.createElement('body'), document.body);
    history.pushState(null, '', '/another');
  });
  await visitor.send('After');
  await visitor.expectDelivery('After', 'sent');
  await visitor.expectMessages(['Before', 'After']);
});

test('commands that were given before the script came are carried out, and events are told', async ({
  page,
  host,
  rejoin,
  someone,
}) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const stub = `<script>
    window.rejoin = window.rejoin || function () { (rejoin.q = rejoin.q || []).push(arguments) };
    window.told = [];
    window.heard = {};
    for (const name of ['agent', 'message', 'status']) rejoin('on', name, (value) => (heard[name] ||= []).push(value));
    for (const name of ['open', 'close', 'unread', 'connection']) rejoin('on', name, (value) => told.push(value === undefined ? name : name + ' ' + value));
    rejoin('compose', 'I would like ');
    rejoin('open');
  </script>`;
  await page.goto(host.page('/', stub + snippet(rejoin, token)));
  const visitor = new Visitor(page);
  await expect(visitor.field).toHaveValue('I would like ');
  await page.evaluate(() => rejoin('send', 'Sent by the page'));
  await visitor.expectMessages(['Sent by the page']);
  await visitor.expectLink('online');
  await page.evaluate(() => rejoin('close'));
  await expect(visitor.dialog).toBeHidden();
  const operator = await Operator.hire(await someone(), rejoin, { email: 'ann@soap.example', name: 'Ann' });
  await operator.open(await visitor.dialogId());
  await operator.send('An answer');
  await expect.poll(() => page.evaluate(() => rejoin('get', 'unread'))).toBe(1);
  const told = await page.evaluate(() => globalThis.told);
  expect(told.filter((words) => /^(open|close|unread)/.test(words))).toEqual(['open', 'close', 'unread 1']);
  expect(told).toContain('connection online');
  // Who answers, what was said, and how far the own message has come.
  await expect.poll(() => page.evaluate(() => heard.status.at(-1)?.state)).toBe('read');
  const heard = await page.evaluate(() => globalThis.heard);
  expect(heard.agent.at(-1)).toEqual({ kind: 'operator', name: 'Ann' });
  expect(heard.message).toEqual([
    { seq: 3, id: expect.any(String), author: { kind: 'operator', name: 'Ann' }, text: 'An answer', at: expect.any(Number) },
  ]);
  const [{ id, state }] = heard.status;
  expect(state).toBe('sending');
  expect(new Set(heard.status.map((status) => status.id))).toEqual(new Set([id]));
  expect(await page.evaluate(() => [rejoin('get', 'agent').name, rejoin('get', 'message').text])).toEqual(['Ann', 'An answer']);

  await page.evaluate(() => rejoin('destroy'));
  await expect(visitor.launcher).toHaveCount(0);
  expect(await page.evaluate(() => typeof window.rejoin)).toBe('undefined');
});

test('a launcher of the page’s own opens the panel on the other side, in the page’s colour', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const attributes = 'data-launcher="none" data-position="left" data-color="#ffd400" data-theme="dark"';
  await page.goto(host.page('/', `<button data-rejoin-open>Chat with us</button>${snippet(rejoin, token, attributes)}`));
  await expect.poll(() => page.evaluate(() => typeof window.rejoin)).toBe('function');
  const visitor = new Visitor(page);
  await expect(visitor.launcher).toBeHidden();
  await page.getByRole('button', { name: 'Chat with us' }).click();
  await expect(visitor.bubbles.first()).toBeVisible();
  expect((await visitor.dialog.boundingBox()).x).toBeLessThan(100);
  await visitor.send('Black on yellow');
  await expect(visitor.message('Black on yellow').locator('.t')).toHaveCSS('color', 'rgb(0, 0, 0)');
  await expect(visitor.message('Black on yellow').locator('.t')).toHaveCSS('background-color', 'rgb(255, 212, 0)');
});

test('where nothing may be stored the talk lives as long as its page', async ({ page, context, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token, 'data-storage="none"')));
  await visitor.send('Keep nothing');
  await visitor.expectDelivery('Keep nothing', 'sent');
  expect(await page.evaluate(() => localStorage.length + sessionStorage.length)).toBe(0);
  expect(await context.cookies()).toEqual([]);
  await page.reload();
  await visitor.open();
  expect(await visitor.texts()).toEqual(['Welcome to the soap shop.']);
});

test('a storage that is full does not keep a message from being sent', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
  await page.evaluate(() => {
    for (let size = 1 << 22; size >= 1; size >>= 1) {
      try {
        for (;;) localStorage.setItem(`filler ${localStorage.length}`, 'x'.repeat(size));
      } catch {
        // Full for this size.
      }
    }
  });
  await visitor.send('There is no room');
  await visitor.expectDelivery('There is no room', 'sent');
  await visitor.expectMessages(['There is no room']);
});

test('a text that is too long is not sent, and stays where it was written', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  const long = 'x'.repeat(10_001);
  await visitor.send(long);
  await expect(visitor.dialog).toContainText('This message is too long');
  await expect(visitor.field).toHaveValue(long);
  await visitor.field.press('Backspace');
  await visitor.field.press('Enter');
  await visitor.expectMessages(['x'.repeat(10_000)]);
  await expectLog(rejoin, await visitor.dialogId(), ['x'.repeat(10_000)]);
});

test('a long history is shown from its end, and older messages come when they are asked for', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('message 1');
  const dialogId = await visitor.dialogId();
  const key = await page.evaluate(() => localStorage.getItem('rejoin:st_demo:key'));
  const texts = ['message 1'];
  for (let number = 2; number <= 120; number += 1) {
    texts.push(`message ${number}`);
    const response = await fetch(`${rejoin.url}/api/site/dialogs/${dialogId}/messages?site_token=st_demo`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ text: texts.at(-1) }),
    });
    expect(response.status).toBe(201);
  }
  await page.reload();
  await visitor.open();
  await expect.poll(async () => (await visitor.texts()).at(-1)).toBe('message 120');
  await expect(visitor.message('message 120')).toBeInViewport();
  const older = visitor.dialog.getByRole('button', { name: 'Show older messages' });
  while (await older.isVisible()) {
    const before = (await visitor.texts()).length;
    await older.click();
    await expect.poll(async () => (await visitor.texts()).length).toBeGreaterThan(before);
  }
  await visitor.expectMessages(texts);
  await expectLog(rejoin, dialogId, texts);
});

test('a click while the client cannot be fetched opens the panel as soon as it can', async ({ rejoin, page, noise }) => {
  noise.allow(/ERR_FAILED|\[rejoin\] offline/);
  await page.goto(`${rejoin.url}/demo/one`);
  let refused = 0;
  await page.route('**/assets/panel-*', (route) => {
    refused += 1;
    return route.abort();
  });
  await page.getByRole('button', { name: 'Open chat' }).click();
  await expect.poll(() => refused).toBeGreaterThan(0);
  await page.unroute('**/assets/panel-*');
  await expect(page.getByRole('textbox')).toBeVisible({ timeout: 30_000 });
});
