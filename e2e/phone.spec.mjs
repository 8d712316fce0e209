// On a phone: the keyboard, the way back, fingers, turning it, and zooming in.
import { test, expect } from './fixtures.mjs';
import { addSite, snippet } from './host.mjs';
import { Visitor } from './visitor.mjs';

test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

/** What iOS does when its keyboard comes up: the layout stays, and what is seen of it becomes smaller and may move. */
function keyboard(page, { height, offsetTop = 0, scale = 1 }) {
  return page.evaluate((now) => {
    for (const name of Object.keys(now)) Object.defineProperty(visualViewport, name, { get: () => now[name], configurable: true });
    visualViewport.dispatchEvent(new Event('resize'));
  }, { height, offsetTop, scale });
}

async function open(page, rejoin) {
  const visitor = new Visitor(page);
  await page.goto(`${rejoin.url}/demo/one`);
  await visitor.launcher.tap();
  await expect(visitor.bubbles.first()).toBeVisible();
  return visitor;
}

test('above the keyboard the panel is as high as what is seen, and the newest message stays in sight', async ({ page, rejoin }) => {
  const visitor = await open(page, rejoin);
  for (let number = 1; number <= 14; number += 1) await visitor.send(`Message ${number}`);
  await visitor.expectDelivery('Message 14', 'sent');
  await keyboard(page, { height: 420, offsetTop: 60 });
  await expect.poll(() => visitor.dialog.boundingBox()).toEqual({ x: 0, y: 60, width: 390, height: 420 });
  const field = await visitor.field.boundingBox();
  expect(field.y + field.height).toBeLessThanOrEqual(480);
  await expect(visitor.message('Message 14').locator('.t')).toBeInViewport();
  const newest = await visitor.message('Message 14').boundingBox();
  expect(newest.y + newest.height).toBeLessThanOrEqual(field.y);
  await keyboard(page, { height: 844 });
  await expect.poll(() => visitor.dialog.boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 844 });
});

test('who reads further up stays there when the keyboard comes', async ({ page, rejoin }) => {
  const visitor = await open(page, rejoin);
  for (let number = 1; number <= 20; number += 1) await visitor.send(`Message ${number}`);
  await visitor.expectDelivery('Message 20', 'sent');
  await visitor.log.evaluate((log) => (log.scrollTop = 0));
  await expect.poll(() => visitor.log.evaluate((log) => log.scrollTop)).toBe(0);
  await page.waitForFunction(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true)))));
  await keyboard(page, { height: 420 });
  await expect.poll(async () => (await visitor.dialog.boundingBox()).height).toBe(420);
  expect(await visitor.log.evaluate((log) => log.scrollTop)).toBe(0);
});

test('who zooms in sees the panel as large as it was', async ({ page, rejoin }) => {
  const visitor = await open(page, rejoin);
  await keyboard(page, { height: 844 });
  await expect.poll(async () => (await visitor.dialog.boundingBox()).height).toBe(844);
  await keyboard(page, { height: 422, scale: 2 });
  expect((await visitor.dialog.boundingBox()).height).toBe(844);
});

test('a phone that is turned shows the panel in full, both ways', async ({ page, rejoin }) => {
  const visitor = await open(page, rejoin);
  await page.setViewportSize({ width: 844, height: 390 });
  await expect.poll(() => visitor.dialog.boundingBox()).toEqual({ x: 0, y: 0, width: 844, height: 390 });
  await expect(visitor.field).toBeInViewport({ ratio: 1 });
  await expect(visitor.launcher).toBeHidden();
  await page.setViewportSize({ width: 390, height: 844 });
  await expect.poll(() => visitor.dialog.boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 844 });
});

test('a finger on the panel does not move the page behind it', async ({ page, rejoin }) => {
  const visitor = await open(page, rejoin);
  const devtools = await page.context().newCDPSession(page);
  expect(await page.evaluate(() => document.documentElement.scrollHeight > innerHeight + 500), 'the page could scroll').toBe(true);
  for (const [x, y] of [[195, 32], [195, 500], [195, 810]]) {
    await devtools.send('Input.synthesizeScrollGesture', { x, y, yDistance: -300, gestureSourceType: 'touch', speed: 4_000 });
    expect(await page.evaluate(() => scrollY), `a swipe at ${y}`).toBe(0);
  }
  await expect(visitor.dialog).toBeVisible();
});

test('the way back closes the panel, and leaves the history of the page alone', async ({ page, rejoin }) => {
  const visitor = await open(page, rejoin);
  const before = await page.evaluate(() => history.length);
  // Chromium asks the same watcher for the button of a phone and for Escape; here the panel has not got the focus.
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press('Escape');
  await expect(visitor.dialog).toBeHidden();
  await visitor.launcher.tap();
  await expect(visitor.dialog).toBeVisible();
  expect(await page.evaluate(() => history.length)).toBe(before);
});

test('the keyboard does not jump up before somebody wants to write', async ({ page, rejoin }) => {
  const visitor = await open(page, rejoin);
  await expect(visitor.dialog).toBeFocused();
  await expect(visitor.field).toHaveCSS('font-size', '16px');
  await visitor.field.tap();
  await expect(visitor.field).toBeFocused();
});

test('in a frame the field stays above the keyboard as well', async ({ page, rejoin }) => {
  await page.goto(`${rejoin.url}/demo/iframe`);
  await page.getByRole('button', { name: 'Open chat' }).tap();
  let inside;
  await expect.poll(() => (inside = page.frame({ url: /\/embed\?/ }))).toBeTruthy();
  const visitor = new Visitor(inside);
  await expect(visitor.bubbles.first()).toBeVisible();
  const frame = page.locator('iframe');
  await expect.poll(() => frame.boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 844 });
  for (let number = 1; number <= 14; number += 1) await visitor.send(`Message ${number}`);
  await visitor.expectDelivery('Message 14', /sent|delivered/);
  await keyboard(page, { height: 420, offsetTop: 60 });
  await expect.poll(() => frame.boundingBox()).toEqual({ x: 0, y: 60, width: 390, height: 420 });
  await expect(visitor.field).toBeInViewport({ ratio: 1 });
  const field = await visitor.field.boundingBox();
  expect(field.y + field.height).toBeLessThanOrEqual(480);
  await expect.poll(async () => (await visitor.rows.last().boundingBox()).y).toBeLessThan(field.y);
  // Who zooms in sees it as large as it was.
  await keyboard(page, { height: 210, offsetTop: 30, scale: 2 });
  expect(await frame.boundingBox()).toEqual({ x: 0, y: 60, width: 390, height: 420 });
  await keyboard(page, { height: 844 });
  await expect.poll(() => frame.boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 844 });
  // Turned, it fills the low screen, too.
  await page.setViewportSize({ width: 844, height: 390 });
  await keyboard(page, { height: 390 });
  await expect.poll(() => frame.boundingBox()).toEqual({ x: 0, y: 0, width: 844, height: 390 });
  await page.evaluate(() => rejoin('destroy'));
  await expect(frame).toHaveCount(0);
  await keyboard(page, { height: 200 });
});

test('a launcher that is hidden on phones is there in a narrow window of a desk', async ({ page, someone, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const address = host.page('/hidden', snippet(rejoin, token, 'data-hide-on-mobile'));
  await page.goto(address);
  await expect.poll(() => page.evaluate(() => typeof window.rejoin)).toBe('function');
  const visitor = new Visitor(page);
  await expect(visitor.launcher).toBeHidden();
  await page.evaluate(() => rejoin('open'));
  await expect(visitor.bubbles.first()).toBeVisible();
  const desk = await someone({ viewport: { width: 390, height: 844 }, hasTouch: false, isMobile: false });
  await desk.goto(address);
  await expect(new Visitor(desk).launcher).toBeVisible();
});
