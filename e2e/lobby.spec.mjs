// Before the link is there, and the moment when it comes: one key, one dialog, one visitor, whatever other pages do meanwhile.
import { test, expect } from './fixtures.mjs';
import { addSite, snippet } from './host.mjs';
import { Operator, expectLog } from './operator.mjs';
import { Visitor } from './visitor.mjs';

const SETTINGS = /\/api\/site\/config/;
const PANEL = /\/assets\/panel-.*\.js/;
const LINK = /\/assets\/client-/;

/** Holds back what matches until it is released. */
async function hold(page, pattern) {
  let release;
  const released = new Promise((resolve) => (release = resolve));
  await page.route(pattern, async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

/** Tells a page that it is hidden. */
function hide(page) {
  return page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  });
}

for (const draft of ['', 'A draft']) {
  test(`a page that comes back${draft && ' with a draft'} shows the dialog that another has begun meanwhile`, async ({ page, context, rejoin }) => {
    // In the back-forward cache a page hears nothing of what others write.
    await page.addInitScript(() => addEventListener('storage', (event) => event.stopImmediatePropagation(), true));
    const first = await Visitor.visit(page, `${rejoin.url}/demo/one`);
    if (draft) {
      await first.field.fill(draft);
      await page.waitForLoadState('networkidle');
    }
    const second = await Visitor.visit(await context.newPage(), `${rejoin.url}/demo/one`);
    await second.send('Begun elsewhere');
    await second.expectDelivery('Begun elsewhere', 'sent');
    await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
    await first.expectMessages(['Begun elsewhere']);
    await first.send('And gone on with here');
    await first.expectDelivery('And gone on with here', 'sent');
    await expectLog(rejoin, await first.dialogId(), ['Begun elsewhere', 'And gone on with here']);
  });
}

test('of two keys that two pages kept at once, the one in storage is the visitor’s', async ({ page, rejoin }) => {
  const release = await hold(page, LINK);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.field.pressSequentially('H');
  const kept = await page.evaluate(() => {
    const name = 'rejoin:st_demo:key';
    // The event tells of a write that has been overtaken.
    const [kept, overtaken] = ['a', 'b'].map((letter) => `vk_${letter.repeat(24)}`);
    localStorage.setItem(name, kept);
    dispatchEvent(new StorageEvent('storage', { key: name, newValue: overtaken, storageArea: localStorage }));
    return kept;
  });
  release();
  const asked = page.waitForRequest((request) => new URL(request.url()).pathname === '/api/site/dialogs');
  await page.waitForLoadState('networkidle');
  await visitor.send('Hello');
  expect((await (await asked).allHeaders()).authorization).toBe(`Bearer ${kept}`);
  await visitor.expectDelivery('Hello', 'sent');
});

test('the page is told of a message that is sent while the link is still to come', async ({ page, rejoin }) => {
  const release = await hold(page, LINK);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await page.evaluate(() => {
    globalThis.heard = [];
    rejoin('on', 'status', (status) => heard.push(status));
  });
  await visitor.send('Early');
  await visitor.expectDelivery('Early', 'sending');
  release();
  await visitor.expectDelivery('Early', 'sent');
  const heard = await page.evaluate(() => globalThis.heard);
  expect(heard.map(({ state }) => state)).toEqual(['sending', 'sent']);
  expect(new Set(heard.map(({ id }) => id)).size).toBe(1);
});

for (const place of ['another page', 'the same page']) {
  test(`who logs out in ${place} while the link is still to come has left nothing for the next one`, async ({ page, context, rejoin }) => {
    const earlier = await Visitor.visit(page, `${rejoin.url}/demo/one`);
    await earlier.send('Of whom was here before');
    await earlier.expectDelivery('Of whom was here before', 'sent');
    const release = await hold(page, LINK);
    await page.reload();
    const visitor = new Visitor(page);
    await visitor.launcher.click();
    await visitor.send('Not sent yet');
    await expect(visitor.bubbles).toHaveText(['Not sent yet']);
    if (place === 'another page') {
      const other = await Visitor.visit(await context.newPage(), `${rejoin.url}/demo/one`);
      await other.expectLink('online');
      await other.page.evaluate(() => rejoin('logout'));
    } else {
      await page.evaluate(() => rejoin('logout'));
    }
    await expect(visitor.bubbles).not.toHaveText(['Not sent yet']);
    release();
    await visitor.send('Of the next one');
    await visitor.expectDelivery('Of the next one', 'sent');
    await expectLog(rejoin, await visitor.dialogId(), ['Of the next one']);
  });
}

test('what a page wanted to send for who has logged out meanwhile is not sent', async ({ page, rejoin }) => {
  const release = await hold(page, PANEL);
  await page.goto(`${rejoin.url}/demo/one`);
  await page.evaluate(() => {
    rejoin('send', 'Of whom was here before');
    rejoin('open');
    rejoin('logout');
  });
  release();
  const visitor = new Visitor(page);
  await expect(visitor.bubbles).toHaveCount(1);
  await visitor.send('Of the next one');
  await visitor.expectDelivery('Of the next one', 'sent');
  await visitor.expectMessages(['Of the next one']);
  await expectLog(rejoin, await visitor.dialogId(), ['Of the next one']);
});

test('an answer that comes late is no reason to ask again', async ({ page, rejoin }) => {
  let asked = 0;
  await page.route(SETTINGS, async (route) => {
    asked += 1;
    // The first is never answered; the others take longer than the pause between two questions.
    if (asked > 1) setTimeout(() => route.continue().catch(() => {}), 2_500);
  });
  await page.goto(`${rejoin.url}/demo/one`);
  const visitor = new Visitor(page);
  await visitor.open();
  expect(asked).toBe(2);
});

test('a page that is refused while the link comes is told so once', async ({ page, host, rejoin, noise }) => {
  noise.allow(/unknown_site/, /404/);
  const release = await hold(page, LINK);
  await page.goto(host.page('/', snippet(rejoin, 'st_of_nobody')));
  await page.evaluate(() => {
    globalThis.errors = [];
    rejoin('on', 'error', (reason) => errors.push(reason));
    rejoin('send', 'Hello?');
    rejoin('open');
  });
  await expect.poll(() => page.evaluate(() => errors)).toEqual(['unknown_site']);
  release();
  await page.waitForLoadState('networkidle');
  expect(await page.evaluate(() => errors)).toEqual(['unknown_site']);
  await expect(page.getByRole('dialog')).toHaveAttribute('data-state', 'stopped');
});

test('what is taken off its page while it loads stays off', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectDelivery('Hello', 'sent');
  const requests = [];
  const release = await hold(page, PANEL);
  const asked = page.waitForRequest(PANEL);
  await page.goto(`${rejoin.url}/demo/one`);
  await asked;
  page.on('request', (request) => requests.push(new URL(request.url()).pathname));
  page.on('websocket', (socket) => requests.push(new URL(socket.url()).pathname));
  await page.evaluate(() => rejoin('destroy'));
  release();
  await page.waitForLoadState('networkidle');
  expect(requests.filter((path) => /^\/(api|ws)\/|client-/.test(path))).toEqual([]);
});

test('a hidden tab that is a visitor of its own keeps its link', async ({ page, context, host, rejoin, someone }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const address = host.page('/', snippet(rejoin, token, 'data-storage="session"'));
  const first = await Visitor.visit(page, address);
  await first.send('First visitor');
  await first.expectLink('online');
  const other = await context.newPage();
  await other.clock.install();
  const second = await Visitor.visit(other, address);
  await second.send('Second visitor');
  await second.expectDelivery('Second visitor', 'sent');
  await second.expectLink('online');
  await hide(other);
  await other.clock.fastForward('01:01');
  const dialogId = await other.evaluate((name) => Number(sessionStorage.getItem(name)), `rejoin:${token}:dialog`);
  const operator = await Operator.hire(await someone(), rejoin, { email: 'ann@soap.example', name: 'Ann' });
  await operator.open(dialogId);
  await operator.send('Are you there?');
  await second.expectMessages(['Second visitor', 'Are you there?']);
});
