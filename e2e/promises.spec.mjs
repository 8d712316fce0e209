// What the widget promises to the page that it is put on, whatever that page does to its scripts.
import { test, expect } from './fixtures.mjs';
import { addSite, snippet } from './host.mjs';
import { Visitor } from './visitor.mjs';

const ours = (noise) => noise.heard().filter((line) => line.startsWith('[rejoin]'));

/** The inside of the chat's iframe. */
async function frameOf(page) {
  let frame;
  await expect.poll(() => (frame = page.frame({ url: /\/embed\?/ }))).toBeTruthy();
  return new Visitor(frame);
}

/** Makes an assistant of a site, and gives its number. */
async function addAssistant(rejoin, token) {
  const words = ['assistant', 'add', '--name', 'Savon', '--site', token, '--fallback', 'Ask me about soap.'];
  return /^assistant id: (\d+)$/m.exec(await rejoin.command(...words, '--data', rejoin.data))[1];
}

test('where the page’s policy forbids WebAssembly, the iframe stands in', async ({ page, host, rejoin, noise }) => {
  noise.allow(/Content[ -]Security[ -]Policy/);
  const token = await addSite(rejoin, { origins: [host.url] });
  const assistant = await addAssistant(rejoin, token);
  const policy = `default-src 'none'; script-src ${rejoin.url}; frame-src ${rejoin.url}; connect-src ${rejoin.url}; style-src 'none'; img-src data:`;
  await page.goto(
    host.page('/', snippet(rejoin, token, `data-assistant-id="${assistant}"`), { 'content-security-policy': policy }),
  );
  await page.getByRole('button', { name: 'Open chat' }).click();
  const visitor = await frameOf(page);
  await visitor.send('Which soap is there?');
  await visitor.expectMessages(['Which soap is there?', 'Ask me about soap.']);
  expect(ours(noise)).toEqual([]);
});

for (const policy of ["'nonce-abc' 'strict-dynamic' 'wasm-unsafe-eval'", "'nonce-abc' 'wasm-unsafe-eval'"]) {
  test(`a script tag with a nonce needs no address under script-src ${policy}`, async ({ page, host, rejoin }) => {
    const token = await addSite(rejoin, { origins: [host.url] });
    const socket = rejoin.url.replace('http', 'ws');
    const policies = `script-src ${policy}; connect-src ${rejoin.url} ${socket}; require-trusted-types-for 'script'; trusted-types 'none'`;
    const address = host.page('/', snippet(rejoin, token, 'nonce="abc"'), { 'content-security-policy': policies });
    const visitor = await Visitor.visit(page, address);
    await visitor.send('By a nonce');
    await visitor.expectDelivery('By a nonce', 'sent');
  });
}

test('a script that an optimiser runs from a string finds its tag', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const tag = snippet(rejoin, token, 'data-open').replace('<script async', '<script type="text/lazy"');
  const run = `<script>fetch('${rejoin.url}/widget.js').then((answer) => answer.text()).then((code) => new Function(code)());</script>`;
  await page.goto(host.page('/', tag + run));
  const visitor = new Visitor(page);
  await expect(visitor.bubbles.first()).toHaveText('Welcome to the soap shop.');
});

test('a script that was moved to the end of the page, and to another address, takes its options along', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const move = `<script>
    const script = document.createElement('script');
    script.src = '${rejoin.url}/widget.js?cached=1';
    script.type = 'module';
    Object.assign(script.dataset, { siteToken: '${token}', open: '', position: 'left' });
    document.body.append(script);
  </script>`;
  await page.goto(host.page('/', move));
  const visitor = new Visitor(page);
  await expect(visitor.bubbles.first()).toBeVisible();
  expect((await visitor.dialog.boundingBox()).x).toBeLessThan(100);
});

test('a page whose storage throws has the chat for as long as it lives, and one line about it', async ({ page, host, rejoin, noise }) => {
  noise.allow(/^\[rejoin\] storage_blocked/);
  const token = await addSite(rejoin, { origins: [host.url] });
  await page.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, {
        get() {
          throw new DOMException('denied', 'SecurityError');
        },
      });
    }
  });
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
  await visitor.send('Keep it in mind');
  await visitor.expectDelivery('Keep it in mind', 'sent');
  await visitor.expectLink('online');
  await visitor.expectMessages(['Keep it in mind']);
  expect(ours(noise)).toHaveLength(1);
  expect(ours(noise)[0]).toContain('storage_blocked');
});

test('a browser that keeps nothing for frames has the chat for as long as its page lives', async ({ page, host, rejoin, noise }) => {
  noise.allow(/^\[rejoin\] storage_blocked/);
  const token = await addSite(rejoin, { origins: [host.url] });
  const assistant = await addAssistant(rejoin, token);
  await page.addInitScript(() => {
    if (location.pathname !== '/embed') return;
    for (const name of ['localStorage', 'sessionStorage']) {
      Object.defineProperty(window, name, {
        get() {
          throw new DOMException('denied', 'SecurityError');
        },
      });
    }
  });
  await page.goto(host.page('/', `<script async src="${rejoin.url}/widget.js" data-assistant-id="${assistant}"></script>`));
  await page.getByRole('button', { name: 'Open chat' }).click();
  const visitor = await frameOf(page);
  await visitor.send('Hello');
  await visitor.expectMessages(['Hello', 'Ask me about soap.']);
  await visitor.field.press('Escape');
  await expect(page.locator('iframe')).toBeHidden();
  await page.getByRole('button', { name: 'Open chat' }).click();
  await visitor.expectMessages(['Hello', 'Ask me about soap.']);
  expect(ours(noise)).toHaveLength(1);
});

test('data-storage="session" keeps the talk in its tab, and in no other', async ({ page, context, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const address = host.page('/', snippet(rejoin, token, 'data-storage="session"'));
  const visitor = await Visitor.visit(page, address);
  await visitor.send('Between us');
  await visitor.expectDelivery('Between us', 'sent');
  expect(await page.evaluate(() => [localStorage.length, sessionStorage.length > 0])).toEqual([0, true]);
  await page.reload();
  await visitor.open();
  await visitor.expectMessages(['Between us']);
  const other = await Visitor.visit(await context.newPage(), address);
  expect(await other.texts()).toEqual(['Welcome to the soap shop.']);
});

test('a page that has changed what is built in does not break the panel', async ({ page, host, rejoin, noise }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const poison = `<script>
    // As old libraries do it, and worse.
    Array.prototype.last = function () { return this[this.length - 1]; };
    Object.prototype.extend = function () { return this; };
    Array.prototype.toJSON = function () { return 'poisoned'; };
    String.prototype.includes ||= null;
    JSON.parse = () => ({ poisoned: true });
    JSON.stringify = () => 'poisoned';
    Array.from = () => ['poisoned'];
    window.name = 'rejoin';
    window.onerror = () => true;
  </script>`;
  const visitor = await Visitor.visit(page, host.page('/', poison + snippet(rejoin, token)));
  await visitor.send('Untouched');
  await visitor.expectDelivery('Untouched', 'sent');
  await visitor.expectLink('online');
  await visitor.expectMessages(['Untouched']);
  expect(ours(noise)).toEqual([]);
});

test('a page cannot read what the chat keeps in its iframe, nor speak for the visitor by messages of its own', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const assistant = await addAssistant(rejoin, token);
  const spy = `<script>
    window.heard = [];
    addEventListener('message', (event) => heard.push(event.data));
    const post = MessagePort.prototype.postMessage;
    MessagePort.prototype.postMessage = function (...values) { heard.push(values); return post.apply(this, values); };
    const listener = Object.getOwnPropertyDescriptor(MessagePort.prototype, 'onmessage');
    Object.defineProperty(MessagePort.prototype, 'onmessage', { ...listener, set(call) {
      listener.set.call(this, (event) => { heard.push(event.data); call(event); });
    } });
  </script>`;
  const line = `<script async src="${rejoin.url}/widget.js" data-assistant-id="${assistant}"></script>`;
  await page.goto(host.page('/', spy + line));
  await page.getByRole('button', { name: 'Open chat' }).click();
  const visitor = await frameOf(page);
  await visitor.send('My secret');
  await visitor.expectMessages(['My secret', 'Ask me about soap.']);
  const key = await visitor.page.evaluate(() => Object.entries(localStorage).find(([name]) => name.endsWith(':key'))[1]);
  expect(key).toMatch(/^vk_/);
  const seen = await page.evaluate(async () => {
    const host = [...document.querySelectorAll('*')].find((element) => element.shadowRoot?.querySelector('iframe'));
    const frame = host.shadowRoot.querySelector('iframe');
    const attempts = [() => frame.contentWindow.localStorage.length, () => frame.contentDocument.title].map((read) => {
      try {
        return read();
      } catch {
        return 'denied';
      }
    });
    // Messages that are not ours to answer: no port, and a port of another greeting.
    frame.contentWindow.postMessage(['send', 'Spoken by the page'], '*');
    frame.contentWindow.postMessage({ storage: 'none' }, '*', [new MessageChannel().port2]);
    return { attempts, heard: JSON.stringify(globalThis.heard), stored: JSON.stringify({ ...localStorage }) };
  });
  expect(seen.attempts).toEqual(['denied', 'denied']);
  expect(seen.heard + seen.stored).not.toContain(key);
  await visitor.send('Still mine');
  await visitor.expectMessages(['My secret', 'Ask me about soap.', 'Still mine', 'Ask me about soap.']);
});

test('elements that are added later open the chat, and so do those inside of them', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  await page.goto(host.page('/', snippet(rejoin, token, 'data-launcher="none"')));
  await expect.poll(() => page.evaluate(() => typeof window.rejoin)).toBe('function');
  await page.evaluate(() => {
    const link = document.createElement('a');
    link.href = '#';
    link.dataset.rejoinOpen = '';
    link.append(Object.assign(document.createElement('b'), { textContent: 'Ask us' }));
    document.body.append(link);
  });
  await page.getByText('Ask us').click();
  await expect(new Visitor(page).bubbles.first()).toBeVisible();
});

test('the attributes for phones and for opening at once do what they say', async ({ page, someone, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  // A phone that has it hidden: e2e/phone.spec.mjs.
  const address = host.page('/hidden', snippet(rejoin, token, 'data-hide-on-mobile'));
  const never = host.page('/never', snippet(rejoin, token, 'data-hide-on-mobile="false" data-open="false"'));
  await page.goto(never);
  const visitor = new Visitor(page);
  await expect(visitor.launcher).toBeVisible();
  await expect(visitor.dialog).toHaveCount(0);
  const desk = await someone();
  await desk.goto(address);
  await expect(new Visitor(desk).launcher).toBeVisible();
});

test('a widget that was destroyed can be made again, and an event that is off is not told', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
  await visitor.send('Before');
  await visitor.expectDelivery('Before', 'sent');
  const told = await page.evaluate(() => {
    const told = [];
    const off = rejoin('on', 'close', () => told.push('off'));
    rejoin('on', 'close', () => told.push('on'));
    off();
    off();
    rejoin('close');
    return Promise.resolve().then(() => told);
  });
  expect(told).toEqual(['on']);
  await page.evaluate(() => rejoin('destroy'));
  await expect(visitor.launcher).toHaveCount(0);
  expect(await page.evaluate(() => typeof window.rejoin)).toBe('undefined');
  await page.evaluate(
    ([src, siteToken]) => {
      const script = document.createElement('script');
      script.src = src;
      script.dataset.siteToken = siteToken;
      document.body.append(script);
    },
    [`${rejoin.url}/widget.js`, token],
  );
  await expect(visitor.launcher).toHaveCount(1);
  await visitor.open();
  await visitor.expectMessages(['Before']);
  await visitor.send('After');
  await visitor.expectDelivery('After', 'sent');
});
