// The widget of the installed package, in pages of every make.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CONNECTION_TROUBLE } from '../noise.mjs';
import { Visitor } from '../visitor.mjs';
import { here } from './build.mjs';
import { expect, test } from './fixtures.mjs';

for (const make of ['plain', 'vite', 'webpack', 'esbuild']) {
  test(`the widget works out of a built page, and fetches one module when it is reached for (${make})`, async ({
    page,
    rejoin,
    site,
    token,
    modules,
  }) => {
    const asked = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(site.page(`${make}/chat.html`, { rejoin, token }));
    const visitor = new Visitor(page);
    await expect(visitor.launcher).toBeVisible();
    await page.waitForLoadState('networkidle');
    expect([...modules, ...asked.filter((address) => address.startsWith(rejoin.url))], 'before it is reached for').toEqual([]);
    expect(await page.evaluate(() => [Object.keys(localStorage), typeof window.rejoin])).toEqual([[], 'undefined']);

    await visitor.open();
    await visitor.send('Out of a package');
    await visitor.expectDelivery('Out of a package', 'sent');
    await page.reload();
    await visitor.open();
    await visitor.expectMessages(['Out of a package']);
    expect(new Set(modules).size).toBe(make === 'esbuild' ? 0 : 1);
    // Nothing of a script tag: the scripts are those of the page.
    expect(asked.filter((address) => address.startsWith(rejoin.url) && /\.(js|wasm)/.test(address))).toEqual([]);
  });
}

test('inline the panel fills the place that it is given, and leaves the focus where it is', { tag: '@engines' }, async ({ page, rejoin, site, token }) => {
  await page.goto(site.page('plain/chat.html', { rejoin, token, ui: 'inline' }));
  const visitor = new Visitor(page);
  await expect(visitor.bubbles.first()).toHaveText('Welcome to the soap shop.');
  await expect(visitor.launcher).toBeHidden();
  const [panel, place] = await Promise.all([visitor.dialog.boundingBox(), page.locator('#chat').boundingBox()]);
  expect(panel).toEqual(place);
  await expect(visitor.dialog.getByRole('button', { name: 'Close' })).toBeHidden();
  expect(await page.evaluate(() => document.activeElement === document.body)).toBe(true);
  await visitor.send('From within the page');
  await visitor.expectDelivery('From within the page', 'sent');
  // Nothing would bring it back.
  await visitor.field.press('Escape');
  await expect(visitor.field).toBeVisible();
  await page.evaluate(() => chat.hide());
  await expect(visitor.dialog).toBeHidden();
  await page.evaluate(() => chat.show());
  await expect(visitor.field).toBeVisible();
});

for (const make of ['plain', 'vite', 'webpack', 'esbuild']) {
  test(`a language is fetched when it is spoken (${make})`, async ({ page, rejoin, site, token }) => {
    const scripts = [];
    page.on('request', (request) => /\.js$/.test(request.url()) && scripts.push(request.url()));
    await page.goto(site.page(`${make}/chat.html`, { rejoin, token }));
    await new Visitor(page).open();
    const before = scripts.length;
    await page.evaluate(() => chat.locale('ru'));
    await expect(new Visitor(page).dialog.getByRole('log', { name: 'Сообщения' })).toBeVisible();
    // A bundler that leaves nothing apart has all of them in its script.
    expect(scripts.length - before).toBe(make === 'esbuild' ? 0 : 1);
    await page.evaluate(async () => (chat.destroy(), (globalThis.chat = await create({ locale: 'de', open: true }))));
    await expect(new Visitor(page).field).toHaveAttribute('placeholder', /Nachricht/);
  });
}

test('asked for twice it is there once, in the place of the last, until both have destroyed theirs', async ({ page, rejoin, site, token }) => {
  await page.goto(site.page('plain/chat.html', { rejoin, token, ui: 'inline' }));
  const visitor = new Visitor(page);
  await expect(visitor.bubbles).toHaveText(['Welcome to the soap shop.']);
  await page.evaluate(async () => (globalThis.second = await create({ mount: document.querySelector('#elsewhere') })));
  await expect(page.locator('#elsewhere > div')).toHaveCount(1);
  await expect(page.locator('#chat > div')).toHaveCount(0);
  await expect(visitor.dialog).toHaveCount(1);
  await page.evaluate(() => (chat.destroy(), chat.destroy()));
  await visitor.send('Still here');
  await visitor.expectDelivery('Still here', 'sent');
  // What is destroyed does nothing any more, and says nothing.
  await page.evaluate(() => chat.send('Not by this one'));
  await page.evaluate(() => second.send('By this one'));
  await visitor.expectMessages(['Still here', 'By this one']);
  await page.evaluate(() => second.destroy());
  await expect(visitor.dialog).toHaveCount(0);
});

test('who asks for it after a log-out, with the same function, is asked who the visitor is', async ({ page, rejoin, site, token }) => {
  await page.goto(site.page('plain/chat.html', { rejoin, token }));
  await page.evaluate(async () => {
    globalThis.asked = 0;
    globalThis.getToken = () => new Promise(() => (asked += 1));
    globalThis.second = await create({ getToken });
    second.open();
  });
  const asked = () => page.evaluate(() => asked);
  await expect.poll(asked).toBe(1);
  await page.evaluate(async () => {
    second.logout();
    // A framework puts up the new one before it takes down the old one.
    globalThis.third = await create({ getToken });
    second.destroy();
  });
  await expect.poll(asked).toBe(2);
});

test('put up and taken down a hundred times, loading or loaded, it leaves nothing behind', async ({ page, rejoin, site, token, modules }) => {
  await page.addInitScript(() => {
    globalThis.sockets = new Set();
    globalThis.listening = new Map();
    const Real = WebSocket;
    globalThis.WebSocket = class extends Real {
      constructor(...words) {
        super(...words);
        sockets.add(this);
        this.addEventListener('close', () => sockets.delete(this));
      }
    };
    const count = (target, by) => listening.set(target, (listening.get(target) ?? 0) + by);
    for (const target of [window, document]) {
      const { addEventListener, removeEventListener } = target;
      target.addEventListener = function (name, listener, options) {
        count(target, 1);
        options?.signal?.addEventListener('abort', () => count(target, -1));
        return addEventListener.call(target, name, listener, options);
      };
      target.removeEventListener = function (name, ...rest) {
        count(target, -1);
        return removeEventListener.call(target, name, ...rest);
      };
    }
  });
  await page.goto(site.page('plain/chat.html', { rejoin, token }));
  const visitor = await new Visitor(page);
  await visitor.open();
  await visitor.send('A dialog is under way');
  await visitor.expectLink('online');
  // A key is held for a moment, until every page has read it; what holds it listens.
  const isHeld = () => page.evaluate(async () => (await navigator.locks.query()).held.some(({ name }) => name.includes('key vk_')));
  await expect.poll(isHeld).toBe(false);
  const before = await page.evaluate(() => [...listening.values()]);
  for (const open of [false, true]) {
    await page.evaluate(async (open) => {
      chat.destroy();
      for (let round = 0; round < 50; round += 1) {
        const chat = await create({ open });
        // Some live long enough to have loaded, some do not.
        if (round % 5 === 0) await new Promise((resolve) => chat.on('ready', resolve));
        chat.destroy();
      }
      globalThis.chat = await create({ open: true });
    }, open);
    await expect(visitor.message('A dialog is under way')).toHaveCount(1);
    await visitor.expectLink('online');
    await expect(visitor.launcher).toHaveCount(1);
    await expect.poll(() => page.evaluate(() => sockets.size)).toBe(1);
  }
  await expect.poll(isHeld).toBe(false);
  expect(await page.evaluate(() => [...listening.values()])).toEqual(before);
  expect(new Set(modules).size).toBe(1);
  await page.evaluate(() => chat.destroy());
  await expect.poll(() => page.evaluate(() => sockets.size)).toBe(0);
});

test('an assistant answers inline, in a frame that fills its place', async ({ page, rejoin, site }) => {
  const token = /^site token: (\S+)$/m.exec(
    await rejoin.command('site', 'add', '--name', 'Soap', '--welcome', 'Welcome.', '--origin', site.url, '--data', rejoin.data),
  )[1];
  const added = await rejoin.command('assistant', 'add', '--site', token, '--name', 'Robin', '--fallback', 'One moment.', '--data', rejoin.data);
  const assistant = /data-assistant-id="(\d+)"/.exec(added)[1];
  await page.goto(site.page('plain/chat.html', { rejoin, token, assistant, ui: 'inline' }));
  const frame = page.locator('iframe');
  await expect(frame).toBeVisible();
  expect(await frame.boundingBox()).toEqual(await page.locator('#chat').boundingBox());
  const visitor = new Visitor(frame.contentFrame());
  await expect(visitor.bubbles.first()).toHaveText('Welcome.');
  await expect(visitor.dialog.getByRole('button', { name: 'Close' })).toBeHidden();
  expect(await page.evaluate(() => document.activeElement === document.body), 'the page keeps its focus').toBe(true);
  await visitor.field.press('Escape');
  await expect(visitor.field).toBeVisible();
});

test('a frame that is moved to another place goes on there, and takes what is sent meanwhile', async ({ page, rejoin, site, noise }) => {
  // The socket of the page that was in the frame is cut off with it.
  noise.allow(CONNECTION_TROUBLE);
  const printed = await rejoin.command('site', 'add', '--name', 'Soap', '--welcome', 'Welcome.', '--origin', site.url, '--data', rejoin.data);
  const token = /^site token: (\S+)$/m.exec(printed)[1];
  const added = await rejoin.command('assistant', 'add', '--site', token, '--name', 'Robin', '--fallback', 'One moment.', '--data', rejoin.data);
  const assistant = /data-assistant-id="(\d+)"/.exec(added)[1];
  await page.goto(site.page('plain/chat.html', { rejoin, token, assistant, ui: 'inline' }));
  const visitor = new Visitor(page.locator('iframe').contentFrame());
  await visitor.send('Before');
  await visitor.expectDelivery('Before', 'sent');
  await expect(visitor.message('One moment.')).toBeVisible();
  await page.evaluate(async () => {
    globalThis.ready = 0;
    globalThis.second = await create({ mount: document.querySelector('#elsewhere') });
    second.on('ready', () => (ready += 1));
    second.send('While it moves');
    chat.destroy();
  });
  await expect(visitor.message('While it moves')).toHaveAttribute('data-state', /sent|delivered/);
  await expect(visitor.message('Before')).toHaveCount(1);
  await expect(visitor.message('While it moves')).toHaveCount(1);
  expect(await page.evaluate(() => ready), 'it has come once').toBe(1);
  // Who has logged out stays so.
  await page.evaluate(() => {
    second.logout();
    document.querySelector('#chat').append(document.querySelector('#elsewhere > div'));
  });
  await expect(visitor.bubbles).toHaveText(['Welcome.']);
  await visitor.send('The next one');
  await visitor.expectDelivery('The next one', 'sent');
  await page.evaluate(() => document.querySelector('#elsewhere').append(document.querySelector('#chat > div')));
  await expect(visitor.message('The next one')).toBeVisible();
  await expect(visitor.message('Before')).toHaveCount(0);
});

test('a log-out that brings the frame itself empties it', async ({ page, rejoin, site }) => {
  const printed = await rejoin.command('site', 'add', '--name', 'Soap', '--welcome', 'Welcome.', '--origin', site.url, '--data', rejoin.data);
  const token = /^site token: (\S+)$/m.exec(printed)[1];
  const added = await rejoin.command('assistant', 'add', '--site', token, '--name', 'Robin', '--fallback', 'One moment.', '--data', rejoin.data);
  const assistant = /data-assistant-id="(\d+)"/.exec(added)[1];
  const address = site.page('plain/chat.html', { rejoin, token, assistant });
  await page.goto(address);
  await new Visitor(page).launcher.click();
  const former = new Visitor(page.locator('iframe').contentFrame());
  await former.send('Of the former visitor');
  await expect(former.message('One moment.')).toBeVisible();
  await page.goto(address);
  // Before anything else can have brought it.
  await page.evaluate(async () => {
    chat.destroy();
    globalThis.chat = await create({});
    chat.logout();
  });
  await new Visitor(page).launcher.click();
  const next = new Visitor(page.locator('iframe').contentFrame());
  await expect(next.bubbles).toHaveText(['Welcome.']);
  // A log-out that is told late takes nothing of what was begun after it.
  await next.send('Of the next one');
  await expect(next.message('One moment.')).toBeVisible();
  await page.evaluate(() => document.body.append([...document.documentElement.children].find((each) => each.shadowRoot)));
  await expect(next.message('Of the next one')).toBeVisible();
});

test('with assets of the server its own script does everything, and goes when it is destroyed', async ({ page, rejoin, site, token, modules }) => {
  await page.goto(site.page('plain/chat.html', { rejoin, token, assets: 'server' }));
  const visitor = new Visitor(page);
  await visitor.open();
  expect(modules.every((address) => address.startsWith(rejoin.url))).toBe(true);
  await page.evaluate(() => chat.destroy());
  await expect(visitor.launcher).toHaveCount(0);
  expect(await page.evaluate(() => [typeof window.rejoin, document.querySelectorAll('script[data-site-token]').length])).toEqual(['undefined', 0]);
  await page.evaluate(async () => (globalThis.chat = await create({ open: true })));
  await expect(visitor.bubbles.first()).toBeVisible();
});

test('what the types promise is what is there', async ({ page, rejoin, site, token }) => {
  const types = await readFile(join(here, 'node_modules/rejoin/index.d.ts'), 'utf8');
  const promised = (name) => {
    const body = types.split(`export interface ${name} {\n`)[1].split('\n}')[0];
    return [...new Set([...body.matchAll(/^  (\w+)[(<]/gm)].map(([, method]) => method))].sort();
  };
  await page.goto(site.page('plain/chat.html', { rejoin, token }));
  expect(await page.evaluate(() => Object.keys(chat).sort())).toEqual(promised('Chat'));
  await page.goto(site.page('plain/link.html', { rejoin, token }));
  await expect.poll(() => page.evaluate(() => Object.keys(globalThis.link ?? {}).sort())).toEqual(promised('Link'));
  const functions = await page.evaluate(() => import('rejoin').then(Object.keys));
  expect(functions.sort()).toEqual([...types.matchAll(/^export (?:function|class) (\w+)/gm)].map(([, name]) => name).sort());
});

test('what cannot be is refused with a code and what to do', async ({ page, rejoin, site, token, noise }) => {
  noise.allow(/404/, /\[rejoin\] offline/);
  await page.goto(site.page('plain/chat.html', { rejoin, token }));
  const refuse = (more) => page.evaluate((more) => create(more).then(String, ({ code, message }) => `${code} ${message}`), more);
  expect(await refuse({ colour: 'red' })).toMatch(/^invalid_option .*colour/);
  expect(await refuse({ color: 'red' })).toMatch(/^invalid_option .*color has to be '#rrggbb'/);
  expect(await refuse({ baseUrl: null })).toMatch(/^invalid_option .*baseUrl has to be the address/);
  expect(await refuse({ baseUrl: 'chat.example.com' })).toMatch(/^invalid_option .*baseUrl has to be the address/);
  expect(await refuse({ ui: 'inline' })).toMatch(/^invalid_option .*mount/);
  expect(await refuse({ mount: '#nowhere' })).toMatch(/^invalid_option .*#nowhere/);
  expect(await refuse({ siteToken: 'st_other' })).toMatch(/^busy /);
  await page.evaluate(() => chat.destroy());
  expect(await refuse({ siteToken: undefined })).toMatch(/^no_site /);
  // A module that is not there: the launcher stays, says so, and tries again.
  await page.evaluate(async () => (globalThis.chat = await create({ wasm: '/nowhere.wasm', open: true })));
  await expect.poll(() => page.evaluate(() => told)).toContain('offline');
  await expect(new Visitor(page).launcher).toBeVisible();
});

test.describe('under a policy', () => {
  test.use({ headers: { 'content-security-policy': "script-src 'self' 'unsafe-inline'" } });

  test('that forbids WebAssembly the page is told', async ({ page, rejoin, site, token, noise }) => {
    noise.allow(/wasm_blocked/, /Content Security Policy/);
    await page.goto(site.page('vite/chat.html', { rejoin, token }));
    await page.evaluate(() => chat.open());
    await expect.poll(() => page.evaluate(() => told)).toEqual(['wasm_blocked']);
    await expect(new Visitor(page).launcher).toBeHidden();
  });
});
