// Before the visitor does something: one request, nothing stored, no cookie, no socket, no row.
import { test, expect, CONNECTION_TROUBLE } from './fixtures.mjs';
import { Operator } from './operator.mjs';
import { Visitor } from './visitor.mjs';

/** Everything that a page asks of our server beyond the page's own files, as paths. */
function listen(page) {
  const requests = [];
  page.on('request', (request) => {
    const { pathname } = new URL(request.url());
    if (!/^\/(demo|shop)\/|^\/logo\.svg$/.test(pathname)) requests.push(pathname);
  });
  page.on('websocket', (socket) => requests.push(new URL(socket.url()).pathname));
  return requests;
}

async function count(rejoin) {
  const health = await (await fetch(`${rejoin.url}/health/websocket`)).json();
  return Object.entries(health)
    .filter(([name]) => name !== 'status')
    .reduce((sum, [, number]) => sum + number, 0);
}

test('a page that nobody touches asks for the loader and for nothing else', async ({ page, context, rejoin, someone }) => {
  const requests = listen(page);
  await page.goto(`${rejoin.url}/demo/one`);
  await expect(page.getByRole('button', { name: 'Open chat' })).toBeVisible();
  await page.waitForLoadState('networkidle');
  expect(requests).toEqual(['/widget.js']);
  expect(await context.cookies()).toEqual([]);
  const stored = await page.evaluate(async () => [
    localStorage.length,
    sessionStorage.length,
    (await indexedDB.databases()).length,
    (await caches.keys()).length,
  ]);
  expect(stored).toEqual([0, 0, 0, 0]);
  expect(await count(rejoin)).toBe(0);
  const operator = await Operator.logIn(await someone(), rejoin);
  await expect(operator.lines.filter({ hasText: 'Morrow Stoneware' })).toHaveCount(0);
});

test('reaching for the launcher fetches the WebAssembly, and opens no socket', async ({ page, context, rejoin }) => {
  const requests = listen(page);
  await page.goto(`${rejoin.url}/demo/one`);
  await page.getByRole('button', { name: 'Open chat' }).hover();
  await expect.poll(() => requests.filter((path) => path.endsWith('.wasm'))).toHaveLength(1);
  await page.waitForLoadState('networkidle');
  expect(requests.filter((path) => /^\/(api|ws)\//.test(path))).toEqual([]);
  expect(await page.evaluate(() => localStorage.length)).toBe(0);
  expect(await context.cookies()).toEqual([]);
});

test('opening the panel shows the welcome, and still makes no dialog', async ({ page, context, rejoin }) => {
  const requests = listen(page);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  expect(await visitor.texts()).toEqual([expect.stringContaining('Hello from the studio!')]);
  await page.waitForLoadState('networkidle');
  expect(requests.filter((path) => path.startsWith('/ws/'))).toEqual([]);
  expect(requests.filter((path) => path.endsWith('.wasm'))).toEqual([expect.stringMatching(/\/panel-/)]);
  expect(await page.evaluate(() => localStorage.length)).toBe(0);
  expect(await context.cookies()).toEqual([]);
  expect(await count(rejoin)).toBe(0);
});

test('the first letter fetches the link, and still makes no dialog', async ({ page, rejoin }) => {
  const requests = listen(page);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.field.pressSequentially('H');
  await expect.poll(() => requests.filter((path) => path.endsWith('.wasm'))).toHaveLength(2);
  await page.waitForLoadState('networkidle');
  expect(requests.filter((path) => path.startsWith('/ws/'))).toEqual([]);
  expect(await count(rejoin)).toBe(0);
  await visitor.send('Hello');
  await visitor.expectDelivery('Hello', 'sent');
});

test('what is sent while the link cannot be fetched is shown, kept through a reload, and arrives once', async ({ page, rejoin, noise }) => {
  noise.allow(/503|Failed to load resource|ERR_FAILED/);
  const link = /\/assets\/client-/;
  await page.route(link, (route) => route.fulfill({ status: 503 }));
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('First');
  await visitor.send('Second');
  await visitor.expectMessages(['First', 'Second']);
  await visitor.expectDelivery('First', 'sending');
  await expect(visitor.banner).toBeVisible();
  await page.reload();
  await page.unroute(link);
  await visitor.open();
  await visitor.expectMessages(['First', 'Second']);
  await visitor.expectDelivery('Second', 'sent', { timeout: 15_000 });
});

test('clicks on a launcher that shows nothing yet open the panel, however many they are', async ({ page, rejoin }) => {
  let free;
  const held = new Promise((done) => (free = done));
  await page.route(/\/assets\/panel-.*wasm/, async (route) => {
    await held;
    await route.continue();
  });
  await page.goto(`${rejoin.url}/demo/one`);
  const visitor = new Visitor(page);
  await visitor.launcher.click();
  await visitor.launcher.click();
  free();
  await expect(visitor.bubbles.first()).toBeVisible();
  await expect(visitor.launcher).toHaveAttribute('aria-expanded', 'true');
});

test('a dialog under way whose panel cannot be fetched comes up by itself when it can', async ({ page, rejoin, noise }) => {
  noise.allow(/^\[rejoin\] offline/, CONNECTION_TROUBLE, /Failed to load resource/);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectDelivery('Hello', 'sent');
  const panel = /\/assets\/panel-/;
  let tries = 0;
  await page.route(panel, (route) => {
    tries += 1;
    return route.abort('connectionrefused');
  });
  await page.reload();
  await expect.poll(() => tries).toBeGreaterThan(0);
  await page.unroute(panel);
  // Nobody touches it.
  await expect.poll(() => page.evaluate(() => rejoin('get', 'state')), { timeout: 20_000 }).toMatch(/^online/);
});

test('a dialog that is under way comes up with the page', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Remember me');
  await visitor.expectDelivery('Remember me', 'sent');
  const requests = listen(page);
  await page.goto(`${rejoin.url}/demo/one`);
  await expect.poll(() => requests.some((path) => path.startsWith('/ws/site/dialogs/'))).toBe(true);
  await expect(visitor.dialog).toBeHidden();
});
