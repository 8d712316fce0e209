// Visitors whom the site knows: the same person elsewhere, another one here, and nobody any more.
import { NOTHING, kept, knowingSite } from './backend.mjs';
import { CONNECTION_TROUBLE, test, expect } from './fixtures.mjs';
import { addSite, snippet } from './host.mjs';
import { Operator } from './operator.mjs';
import { Visitor } from './visitor.mjs';

const identify = (page, token) => page.evaluate((token) => rejoin('identify', token), token);

/** The number of the dialog that is open, whoever's it is. */
async function dialogOf(page) {
  const find = () => Object.entries(localStorage).find(([key]) => /:dialog(@|$)/.test(key))?.[1];
  await expect.poll(() => page.evaluate(find)).toBeTruthy();
  return Number(await page.evaluate(find));
}

test('a person goes on with their dialog on another device, and the operator sees who it is', async ({ page, host, rejoin, someone }) => {
  const site = await knowingSite(rejoin, host);
  const laptop = await Visitor.visit(page, site.address);
  await identify(page, site.sign('ann', { email: 'ann@example.org' }));
  await page.evaluate(() => rejoin('attributes', { plan: 'pro', seats: 3 }));
  await laptop.send('From the laptop');
  await laptop.expectDelivery('From the laptop', 'sent');

  const other = await someone();
  const phone = await Visitor.visit(other, site.address);
  await identify(other, site.sign('ann'));
  await phone.expectMessages(['From the laptop']);
  await phone.send('From the phone');
  await laptop.expectMessages(['From the laptop', 'From the phone']);

  const operator = await Operator.hire(await someone(), rejoin, { email: 'op@example.org', name: 'Olga', sites: [site.token] });
  await operator.lines.filter({ hasText: 'Name of ann' }).click();
  await operator.expectOnline();
  const about = operator.page.getByLabel('About the visitor');
  await expect(about).toContainText('verified');
  // What nobody vouches for stands apart, whatever it says.
  await expect(about).not.toContainText('plan');
  await expect(operator.page.getByLabel('What the page says of the visitor')).toHaveText('The page says: plan: pro · seats: 3');
  await operator.send('I see who you are.');
  await phone.expectMessages(['From the laptop', 'From the phone', 'I see who you are.']);
  // No device keeps the token.
  expect(await page.evaluate(() => Object.values(localStorage).filter((value) => value.includes('eyJ')))).toEqual([]);
});

test('what was said before the log-in goes along', async ({ page, host, rejoin, someone }) => {
  const site = await knowingSite(rejoin, host);
  const visitor = await Visitor.visit(page, site.address);
  await visitor.send('Before I logged in');
  await visitor.expectDelivery('Before I logged in', 'sent');
  const dialog = await dialogOf(page);
  await visitor.field.fill('half a sentence');
  await identify(page, site.sign('ann'));
  await expect.poll(async () => (await kept(page)).local.every((name) => name.includes('@'))).toBe(true);
  await visitor.expectMessages(['Before I logged in']);
  expect(await dialogOf(page)).toBe(dialog);
  await expect(visitor.field).toHaveValue('half a sentence');
  await visitor.send('After');
  await visitor.expectDelivery('After', 'sent');
  const other = await someone();
  const phone = await Visitor.visit(other, site.address);
  await identify(other, site.sign('ann'));
  await phone.expectMessages(['Before I logged in', 'After']);
});

test('what was not sent before the log-in is kept as the person’s, and no longer as nobody’s', async ({ page, host, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE, /net::ERR_FAILED/);
  const site = await knowingSite(rejoin, host);
  const visitor = await Visitor.visit(page, site.address);
  await page.route(/\/api\/site\/dialogs\?/, (route) => route.abort());
  await visitor.send('Nobody answers');
  const unsent = async () => (await kept(page)).local.filter((name) => /:o:/.test(name));
  await expect.poll(async () => (await unsent()).map((name) => name.includes('@'))).toEqual([false]);
  await identify(page, site.sign('ann'));
  await expect.poll(async () => (await unsent()).map((name) => name.includes('@'))).toEqual([true]);
  await page.unroute(/\/api\/site\/dialogs\?/);
  await visitor.expectDelivery('Nobody answers', 'sent');
  expect(await unsent()).toEqual([]);
});

test('another person starts afresh, in the same page and after a reload', async ({ page, host, rejoin }) => {
  const site = await knowingSite(rejoin, host);
  const visitor = await Visitor.visit(page, site.address);
  await identify(page, site.sign('ann'));
  await visitor.send('For Ann alone');
  await visitor.expectDelivery('For Ann alone', 'sent');
  await visitor.field.fill('a draft of Ann’s');
  await identify(page, site.sign('bob'));
  await expect.poll(() => visitor.texts()).toEqual(['Welcome to the soap shop.']);
  await expect(visitor.field).toHaveValue('');
  await visitor.send('I am Bob');
  await visitor.expectDelivery('I am Bob', 'sent');
  await page.reload();
  await visitor.open();
  expect(await visitor.texts()).toEqual(['Welcome to the soap shop.']);
  await identify(page, site.sign('bob'));
  await visitor.expectMessages(['I am Bob']);
  await identify(page, site.sign('ann'));
  await visitor.expectMessages(['For Ann alone']);
});

test('who logs out leaves nothing behind, and another tab follows', async ({ page, host, rejoin }) => {
  const site = await knowingSite(rejoin, host);
  const visitor = await Visitor.visit(page, site.address);
  await identify(page, site.sign('ann'));
  await visitor.send('For Ann alone');
  await visitor.expectDelivery('For Ann alone', 'sent');
  const second = await page.context().newPage();
  const tab = await Visitor.visit(second, site.address);
  await identify(second, site.sign('ann'));
  await tab.expectMessages(['For Ann alone']);
  await tab.field.fill('a draft');
  await page.evaluate(() => rejoin('logout'));
  for (const one of [visitor, tab]) {
    await expect.poll(() => one.texts()).toEqual(['Welcome to the soap shop.']);
    await expect(one.field).toHaveValue('');
  }
  expect(await kept(page)).toEqual(NOTHING);
  // Somebody else at the same computer: a dialog of their own.
  await visitor.send('Who am I?');
  await visitor.expectDelivery('Who am I?', 'sent');
  await visitor.expectMessages(['Who am I?']);
  expect((await kept(page)).local.filter((name) => name.includes('@'))).toEqual([]);
  await page.evaluate(() => rejoin('logout'));
  await page.reload();
  expect(await kept(page)).toEqual(NOTHING);
  await second.close();
});

test('a log-out that is heard of late takes nothing from the next visitor', async ({ page, host, rejoin }) => {
  const site = await knowingSite(rejoin, host);
  const visitor = await Visitor.visit(page, site.address);
  await visitor.send('The first visitor');
  await visitor.expectDelivery('The first visitor', 'sent');
  const second = await page.context().newPage();
  const late = await Visitor.visit(second, site.address);
  await late.expectMessages(['The first visitor']);
  await page.evaluate(() => rejoin('logout'));
  await visitor.send('The next visitor');
  await visitor.expectDelivery('The next visitor', 'sent');
  const before = (await kept(page)).local;
  expect(before.some((name) => name.endsWith(':dialog'))).toBe(true);
  // As a page hears it that was frozen meanwhile.
  await second.evaluate((site) => {
    dispatchEvent(new StorageEvent('storage', { key: `rejoin:${site}:out`, newValue: 'out' }));
  }, site.token);
  await expect.poll(() => late.texts()).toEqual(['Welcome to the soap shop.']);
  expect((await kept(page)).local).toEqual(before);
  await page.reload();
  await visitor.open();
  await visitor.expectMessages(['The next visitor']);
  await second.close();
});

test('a page that comes back after a log-out it could not hear of shows nothing', async ({ page, host, rejoin }) => {
  const site = await knowingSite(rejoin, host);
  for (const person of ['', 'ann']) {
    const visitor = await Visitor.visit(page, site.address);
    if (person) await identify(page, site.sign(person));
    await visitor.send('For one alone');
    await visitor.expectDelivery('For one alone', 'sent');
    const comeBack = () => page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
    await comeBack();
    await visitor.expectMessages(['For one alone']);
    // What another page has done while this one was in the back-forward cache.
    await page.evaluate(() => localStorage.clear());
    await comeBack();
    await expect.poll(() => visitor.texts()).toEqual(['Welcome to the soap shop.']);
    expect(await kept(page)).toEqual(NOTHING);
  }
});

test('who logs out in a page without a link takes along what another page could not send', async ({ page, host, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE, /ERR_FAILED/, /^\[rejoin\] offline/);
  const site = await knowingSite(rejoin, host);
  const visitor = await Visitor.visit(page, site.address);
  await page.route(/\/api\/site\/dialogs\?/, (route) => route.abort());
  await visitor.send('Nobody answers');
  await expect.poll(async () => (await kept(page)).local.some((name) => /:o:/.test(name))).toBe(true);
  const second = await page.context().newPage();
  await second.route(/\/assets\//, (route) => route.abort());
  await second.goto(site.address);
  await second.evaluate(() => rejoin('logout'));
  await expect.poll(() => visitor.texts()).toEqual(['Welcome to the soap shop.']);
  await expect.poll(() => kept(page)).toEqual(NOTHING);
  await second.close();
});

test('what a sleeping page has not sent goes on, whoever has said meanwhile who they are', async ({ page, host, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE, /ERR_FAILED/);
  const site = await knowingSite(rejoin, host);
  // In the back-forward cache a page hears nothing of what others write.
  await page.addInitScript(() => addEventListener('storage', (event) => event.stopImmediatePropagation(), true));
  const sleeper = await Visitor.visit(page, site.address);
  const second = await page.context().newPage();
  const ann = await Visitor.visit(second, site.address);
  await page.route(/\/api\/site\/dialogs\?/, (route) => route.abort());
  await sleeper.send('Not sent yet');
  await expect.poll(async () => (await kept(page)).local.filter((name) => /:(o:.*|key)$/.test(name)).length).toBe(2);
  await identify(second, site.sign('ann'));
  await ann.send('I am Ann');
  await ann.expectDelivery('I am Ann', 'sent');
  await expect.poll(async () => (await kept(page)).local.some((name) => name.endsWith(':key'))).toBe(false);
  await page.unroute(/\/api\/site\/dialogs\?/);
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })));
  await sleeper.expectDelivery('Not sent yet', 'sent');
  await sleeper.expectMessages(['Not sent yet']);
  await ann.expectMessages(['I am Ann']);
  await second.close();
});

test('a token that is over is asked for again, and nothing is lost', async ({ page, host, rejoin }) => {
  const site = await knowingSite(rejoin, host);
  let asked = 0;
  // The first one is over in a few seconds: the server forgives a minute.
  await page.exposeFunction('fresh', () => {
    asked += 1;
    return site.sign('ann', asked === 1 ? { exp: Math.floor(Date.now() / 1000) - 54 } : {});
  });
  const visitor = await Visitor.visit(page, site.address);
  await page.evaluate(() => rejoin('identify', () => fresh()));
  await visitor.send('Before');
  await visitor.expectDelivery('Before', 'sent');
  expect(asked).toBe(1);
  await expect.poll(() => asked, { timeout: 30_000 }).toBe(2);
  await visitor.send('Right then');
  await visitor.expectDelivery('Right then', 'sent');
  await visitor.expectMessages(['Before', 'Right then']);
  await visitor.expectLink('online');
  expect(asked).toBe(2);
});

test('two tabs of two people show and send only their own', async ({ page, host, rejoin }) => {
  const site = await knowingSite(rejoin, host);
  const ann = await Visitor.visit(page, site.address);
  await identify(page, site.sign('ann'));
  await ann.send('Ann one');
  await ann.expectDelivery('Ann one', 'sent');
  const second = await page.context().newPage();
  const bob = await Visitor.visit(second, site.address);
  await identify(second, site.sign('bob'));
  await bob.send('Bob one');
  await bob.expectDelivery('Bob one', 'sent');
  await ann.send('Ann two');
  await ann.expectDelivery('Ann two', 'sent');
  await ann.expectMessages(['Ann one', 'Ann two']);
  await bob.expectMessages(['Bob one']);
  await second.reload();
  await bob.open();
  await identify(second, site.sign('bob'));
  await bob.expectMessages(['Bob one']);
});

test('to say who it is costs nothing until the chat is opened', async ({ page, host, rejoin }) => {
  const requests = [];
  page.on('request', (request) => requests.push(new URL(request.url()).pathname));
  const site = await knowingSite(rejoin, host, {
    page: "<script>rejoin('identify', () => fresh()); rejoin('attributes', { plan: 'pro' })</script>",
  });
  let asked = 0;
  await page.exposeFunction('fresh', () => ((asked += 1), site.sign('ann')));
  await page.goto(site.address, { waitUntil: 'networkidle' });
  expect(requests.filter((path) => path !== '/')).toEqual(['/widget.js']);
  expect(asked).toBe(0);
  expect(await kept(page)).toEqual(NOTHING);
  const visitor = new Visitor(page);
  await visitor.open();
  await expect.poll(() => asked).toBe(1);
  await visitor.send('Hello');
  await visitor.expectDelivery('Hello', 'sent');
});

test('who cannot say who they are is told so, and waits', async ({ page, host, rejoin, noise }) => {
  noise.allow(/\[rejoin\] (unauthorized|identity_required)|401/);
  const site = await knowingSite(rejoin, host, { required: true });
  const visitor = await Visitor.visit(page, site.address);
  await page.evaluate(() => {
    globalThis.errors = [];
    rejoin('on', 'error', (reason) => errors.push(reason));
  });
  await visitor.field.fill('Let me in');
  await expect.poll(() => page.evaluate(() => errors)).toEqual(['identity_required']);
  await identify(page, site.sign('ann', { exp: 1 }));
  await expect.poll(() => page.evaluate(() => errors)).toEqual(['identity_required', 'unauthorized']);
  await identify(page, site.sign('ann'));
  // What was written is still there.
  await expect(visitor.field).toHaveValue('Let me in');
  await visitor.field.press('Enter');
  await visitor.expectDelivery('Let me in', 'sent');
});

test('what one person wrote is out of sight until it is known that it is still them', async ({ page, host, rejoin }) => {
  const site = await knowingSite(rejoin, host);
  const visitor = await Visitor.visit(page, site.address);
  await identify(page, site.sign('ann'));
  await visitor.send('For Ann alone');
  await visitor.expectDelivery('For Ann alone', 'sent');
  await visitor.field.fill('a draft of Ann’s');
  const ask = () => page.evaluate(() => rejoin('identify', () => new Promise((done) => (globalThis.tell = done))));
  const tell = (token) => page.evaluate((token) => globalThis.tell(token), token);
  const seen = visitor.message('For Ann alone');
  await ask();
  await expect(seen).toBeHidden();
  await expect(visitor.field).toHaveCSS('color', 'rgba(0, 0, 0, 0)');
  // It is still her: all is where it was.
  await expect.poll(() => page.evaluate(() => typeof globalThis.tell)).toBe('function');
  await tell(site.sign('ann'));
  await expect(seen).toBeVisible();
  await expect(visitor.field).toHaveValue('a draft of Ann’s');
  await expect(visitor.field).not.toHaveCSS('color', 'rgba(0, 0, 0, 0)');
  await page.evaluate(() => delete globalThis.tell);
  await ask();
  await expect(seen).toBeHidden();
  await expect.poll(() => page.evaluate(() => typeof globalThis.tell)).toBe('function');
  await tell(site.sign('bob'));
  await expect.poll(() => visitor.texts()).toEqual(['Welcome to the soap shop.']);
  await expect(visitor.bubbles.first()).toBeVisible();
  await expect(visitor.field).toHaveValue('');
});

test('a token that was asked for before a log-out says nothing about the next visitor, whoever is asked', async ({ page, host, rejoin, someone }) => {
  const site = await knowingSite(rejoin, host);
  const visitor = await Visitor.visit(page, site.address);
  await page.evaluate(() => {
    globalThis.asked = [];
    globalThis.fresh = () => new Promise((done) => asked.push(done));
    rejoin('identify', fresh);
  });
  const asked = () => page.evaluate(() => asked.length);
  await expect.poll(asked).toBe(1);
  await page.evaluate(() => {
    rejoin('logout');
    rejoin('identify', fresh);
  });
  await visitor.field.fill('I am Bob');
  await expect.poll(asked).toBe(2);
  await page.evaluate((token) => asked[0](token), site.sign('ann'));
  await page.evaluate((token) => asked[1](token), site.sign('bob'));
  await visitor.field.press('Enter');
  await visitor.expectDelivery('I am Bob', 'sent');
  const other = await someone();
  const phone = await Visitor.visit(other, site.address);
  await identify(other, site.sign('bob'));
  await phone.expectMessages(['I am Bob']);
});

test('a text that is no token is told to whoever made the page, and the visitor goes on as nobody', async ({ page, host, rejoin, noise }) => {
  noise.allow(/^\[rejoin\]/);
  const token = await addSite(rejoin, { origins: [host.url] });
  await page.goto(host.page('/', `<script>window.rejoin ||= function () { (rejoin.q ||= []).push(arguments) }; rejoin('identify', 'no token')</script>${snippet(rejoin, token)}`));
  const visitor = new Visitor(page);
  await visitor.open();
  await visitor.send('Hello');
  await visitor.expectDelivery('Hello', 'sent');
  const ours = noise.heard().filter((line) => line.startsWith('[rejoin]'));
  expect(ours).toHaveLength(1);
  expect(ours[0]).toMatch(/^\[rejoin\] unauthorized: .*docs\/identity\.md/);
});

test('in an iframe a person is known as well, and asked through the port', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const printed = await rejoin.command(...['assistant', 'add', '--name', 'Savon', '--site', token, '--fallback', 'Soap.', '--data', rejoin.data]);
  const [, assistant] = /^assistant id: (\d+)$/m.exec(printed);
  const secret = await rejoin.command('site', 'identity', token, '--data', rejoin.data);
  const { sign } = await import('./backend.mjs');
  await page.exposeFunction('fresh', () => sign(/^identity secret: (\S+)$/m.exec(secret)[1], { sub: 'ann', name: 'Ann' }));
  const address = host.page(
    '/',
    `<script>window.rejoin ||= function () { (rejoin.q ||= []).push(arguments) }; rejoin('identify', () => fresh())</script>
    <script async src="${rejoin.url}/widget.js" data-assistant-id="${assistant}"></script>`,
  );
  await page.goto(address);
  await page.getByRole('button', { name: 'Open chat' }).click();
  let frame;
  await expect.poll(() => (frame = page.frame({ url: /\/embed\?/ }))).toBeTruthy();
  const visitor = new Visitor(frame);
  await visitor.send('In the frame');
  await visitor.expectDelivery('In the frame', 'sent');
  expect(await frame.evaluate(() => Object.keys(localStorage).every((name) => /@|since/.test(name)))).toBe(true);
  await page.evaluate(() => rejoin('logout'));
  await expect.poll(() => frame.evaluate(() => Object.keys(localStorage))).toEqual([]);
  expect(await kept(page)).toEqual(NOTHING);
  await expect(visitor.rows.filter({ hasText: 'In the frame' })).toHaveCount(0);
});

test('who logs out in a page whose iframe was never opened is gone from the iframes of other pages', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const printed = await rejoin.command(...['assistant', 'add', '--name', 'Savon', '--site', token, '--fallback', 'Soap.', '--data', rejoin.data]);
  const [, assistant] = /^assistant id: (\d+)$/m.exec(printed);
  const stub = '<script>window.rejoin ||= function () { (rejoin.q ||= []).push(arguments) }</script>';
  const address = host.page('/', `${stub}<script async src="${rejoin.url}/widget.js" data-assistant-id="${assistant}"></script>`);
  await page.goto(address);
  // A framework's object, which cannot be posted as it is.
  await page.evaluate(() => rejoin('attributes', new Proxy({ plan: 'pro' }, {})));
  await page.getByRole('button', { name: 'Open chat' }).click();
  let frame;
  await expect.poll(() => (frame = page.frame({ url: /\/embed\?/ }))).toBeTruthy();
  const visitor = new Visitor(frame);
  // Whoever only looks leaves nothing.
  await expect(visitor.bubbles.first()).toBeVisible();
  expect(await kept(page)).toEqual(NOTHING);
  // Not even a message: only a draft.
  await visitor.field.fill('a draft');
  await expect.poll(async () => (await kept(page)).local.length).toBe(1);
  await expect.poll(() => frame.evaluate(() => Object.keys(localStorage).length)).toBeGreaterThan(0);
  const second = await page.context().newPage();
  await second.goto(address);
  await second.evaluate(() => rejoin('logout'));
  await expect(visitor.field).toHaveValue('');
  await expect.poll(() => frame.evaluate(() => Object.keys(localStorage))).toEqual([]);
  expect(await kept(page)).toEqual(NOTHING);
  await second.close();
});
