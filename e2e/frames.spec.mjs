// What is kept in an iframe, seen from the pages around it: what the next page brings, and what a log-out reaches.
import { NOTHING, kept } from './backend.mjs';
import { test, expect, CONNECTION_TROUBLE } from './fixtures.mjs';
import { addSite, snippet } from './host.mjs';
import { Visitor } from './visitor.mjs';

const STUB = '<script>window.rejoin ||= function () { (rejoin.q ||= []).push(arguments) }</script>';
const LOG_OUT = "<script>rejoin('logout')</script>";

/** A site and an assistant of it: its tokens, and what makes a page with the chat in an iframe. */
async function shop(rejoin, host) {
  const token = await addSite(rejoin, { origins: [host.url] });
  const words = ['assistant', 'add', '--name', 'Savon', '--site', token, '--fallback', 'Ask me about soap.', '--data', rejoin.data];
  const [, assistant] = /^assistant id: (\d+)$/m.exec(await rejoin.command(...words));
  const tag = `<script async src="${rejoin.url}/widget.js" data-assistant-id="${assistant}"></script>`;
  return { token, assistant, page: (path, before = '') => host.page(path, STUB + before + tag) };
}

/** The inside of the chat's iframe, once it is there. */
async function within(page) {
  let frame;
  await expect.poll(() => (frame = page.frame({ url: /\/embed\?/ }))).toBeTruthy();
  return new Visitor(frame);
}

async function opened(page) {
  await page.getByRole('button', { name: /^Open chat/ }).click();
  const visitor = await within(page);
  await expect(visitor.bubbles.first()).toBeVisible();
  return visitor;
}

test('a log-out that met nothing takes nothing of what comes after it', async ({ page, host, rejoin, context }) => {
  const site = await shop(rejoin, host);
  // The page after somebody has logged out, which stays as it is.
  await page.goto(site.page('/out', LOG_OUT));
  await expect.poll(() => page.evaluate(() => rejoin.here)).toBe(1);
  const other = await context.newPage();
  await other.goto(site.page('/'));
  const there = await opened(other);
  await there.send('After the log-out');
  await there.expectMessages(['After the log-out', 'Ask me about soap.']);
  await there.field.fill('a draft');
  const here = await opened(page);
  await here.expectMessages(['After the log-out', 'Ask me about soap.']);
  await there.expectMessages(['After the log-out', 'Ask me about soap.']);
  await expect(there.field).toHaveValue('a draft');
});

test('a log-out before the page knows that it needs the iframe empties that, too', async ({ page, host, rejoin, noise }) => {
  noise.allow(/Content[ -]Security[ -]Policy/);
  const site = await shop(rejoin, host);
  const policy = {
    'content-security-policy': `default-src 'none'; script-src 'unsafe-inline' ${rejoin.url}; frame-src ${rejoin.url}; connect-src ${rejoin.url}; style-src 'none'; img-src data:`,
  };
  const tag = snippet(rejoin, site.token, `data-assistant-id="${site.assistant}"`);
  const address = host.page('/', STUB + tag, policy);
  await page.goto(address);
  const former = await opened(page);
  await former.send('Of the former visitor');
  await former.expectMessages(['Of the former visitor', 'Ask me about soap.']);
  await page.goto(host.page('/out', STUB + LOG_OUT + tag, policy));
  const { page: frame } = await within(page);
  await expect.poll(() => frame.evaluate(() => Object.keys(localStorage))).toEqual([]);
  await page.goto(address);
  const next = await opened(page);
  await expect(next.bubbles).toHaveText(['Welcome to the soap shop.']);
});

test('a first message that could not be sent is sent by the next page', async ({ page, host, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE, /^\[rejoin\] offline/, /status of 503|ERR_FAILED|Failed to load resource/);
  const site = await shop(rejoin, host);
  await page.goto(site.page('/'));
  const visitor = await opened(page);
  await page.route('**/api/**', (route) => route.abort('connectionrefused'));
  await visitor.send('Into the dark');
  await visitor.expectDelivery('Into the dark', /sending|unconfirmed/);
  await page.unroute('**/api/**');
  await page.goto(site.page('/next'));
  // Nobody touches it there: what is in the frame cannot be seen.
  const { page: frame } = await within(page);
  await expect(frame.locator('.m', { hasText: 'Into the dark' })).toHaveAttribute('data-state', /sent|delivered|read/);
});

test('after a log-out elsewhere an iframe that is written into is found by the next log-out', async ({ page, host, rejoin, context }) => {
  const site = await shop(rejoin, host);
  await page.goto(site.page('/'));
  const visitor = await opened(page);
  await visitor.field.fill('a draft');
  await expect.poll(async () => (await kept(page)).local.length).toBe(1);
  const logOut = async () => {
    const other = await context.newPage();
    await other.goto(site.page('/'));
    await other.evaluate(() => rejoin('logout'));
    await expect(visitor.field).toHaveValue('');
    await other.close();
  };
  await logOut();
  await visitor.field.fill('of the next one');
  await expect.poll(async () => (await kept(page)).local.length).toBe(1);
  await logOut();
  await expect.poll(() => visitor.page.evaluate(() => Object.keys(localStorage))).toEqual([]);
  expect(await kept(page)).toEqual(NOTHING);
});
