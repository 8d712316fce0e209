// The chat on other origins, directly and in iframes; and who may not have it.
import { test, expect, CONNECTION_TROUBLE } from './fixtures.mjs';
import { addSite, snippet } from './host.mjs';
import { Operator, expectLog } from './operator.mjs';
import { Visitor } from './visitor.mjs';

/** The inside of the chat's iframe. */
async function frameOf(page) {
  let frame;
  await expect.poll(() => (frame = page.frame({ url: /\/embed\?/ }))).toBeTruthy();
  return new Visitor(frame);
}

test('a shop on another origin has the chat in its page', async ({ page, host, rejoin, someone }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
  await expect(visitor.dialog).toHaveAccessibleName('Soap & Co');
  expect(await visitor.texts()).toEqual(['Welcome to the soap shop.']);
  await visitor.send('From another origin');
  await visitor.expectDelivery('From another origin', 'sent');
  await visitor.expectLink('online');
  await page.reload();
  await visitor.open();
  await visitor.expectMessages(['From another origin']);
});

test('the script makes an iframe in which the assistant answers', async ({ page, rejoin, someone }) => {
  await page.goto(`${rejoin.url}/demo/iframe`);
  const launcher = page.getByRole('button', { name: 'Open chat' });
  await launcher.click();
  const visitor = await frameOf(page);
  await expect(visitor.bubbles.first()).toContainText('I am Robin, an automatic assistant');
  await expect(visitor.field).toBeFocused();
  await visitor.send('How do I embed it?');
  await expect.poll(async () => (await visitor.texts()).at(-1)).toContain('One line before </body>');
  await expect(visitor.log.getByText('Robin', { exact: true }).first()).toBeVisible();

  // A person takes over.
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(await visitor.dialogId());
  await operator.send('A person here.');
  await expect.poll(async () => (await visitor.texts()).at(-1)).toBe('A person here.');
  await visitor.field.press('Escape');
  await expect(page.locator('iframe')).toBeHidden();
  // Not `toBeFocused`: the operator's window may be the one in front.
  await expect.poll(() => launcher.evaluate((button) => button.getRootNode().activeElement === button)).toBe(true);
  await operator.send('Still there?');
  await expect(page.getByRole('button', { name: 'Open chat, 1 unread' })).toBeVisible();
  await launcher.click();
  await expect.poll(async () => (await visitor.texts()).at(-1)).toBe('Still there?');
  await expect(page.getByRole('button', { name: 'Open chat', exact: true })).toBeAttached();
  await expectLog(rejoin, await visitor.dialogId(), (await visitor.texts()).slice(1));
});

test('an iframe on another origin has its own storage, and goes on after a reload', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const printed = await rejoin.command(
    ...['assistant', 'add', '--name', 'Savon', '--site', token, '--fallback', 'Ask me about soap.'],
    ...['--answer', 'soap=We have olive and laurel.', '--data', rejoin.data],
  );
  const [, assistant] = /^assistant id: (\d+)$/m.exec(printed);
  const address = host.page('/', `<script async src="${rejoin.url}/widget.js" data-assistant-id="${assistant}"></script>`);
  await page.goto(address);
  await page.getByRole('button', { name: 'Open chat' }).click();
  const visitor = await frameOf(page);
  await visitor.send('Which soap is there?');
  await visitor.expectMessages(['Which soap is there?', 'We have olive and laurel.']);
  await page.reload();
  await page.getByRole('button', { name: /^Open chat/ }).click();
  await (await frameOf(page)).expectMessages(['Which soap is there?', 'We have olive and laurel.']);
});

test('a plain iframe holds the whole chat, open from the start', async ({ page, rejoin }) => {
  await page.goto(`${rejoin.url}/demo/plain-iframe`);
  const visitor = await frameOf(page);
  await expect(visitor.bubbles.first()).toBeVisible();
  await visitor.send('What happens when I am offline?');
  await expect.poll(async () => (await visitor.texts()).at(-1)).toContain('waits in your browser');
  await page.reload();
  const again = await frameOf(page);
  await expect.poll(async () => (await again.texts()).length).toBe(3);
});

test('a page whose origin is not on the list is told so in one line, and keeps quiet', async ({
  page,
  host,
  rejoin,
  noise,
}) => {
  const token = await addSite(rejoin, { origins: ['https://soap.example'] });
  noise.allow(/^\[rejoin\]/, /status of 403/);
  const requests = [];
  page.on('request', (request) => requests.push(new URL(request.url()).pathname));
  page.on('websocket', (socket) => requests.push(new URL(socket.url()).pathname));
  await page.goto(host.page('/', snippet(rejoin, token)));
  await page.getByRole('button', { name: 'Open chat' }).click();
  const visitor = new Visitor(page);
  await expect(visitor.dialog).toContainText('This chat is not available here.');
  const ours = () => noise.heard().filter((line) => line.startsWith('[rejoin]'));
  await expect.poll(ours).toHaveLength(1);
  expect(ours()[0]).toContain('forbidden_origin');
  expect(ours()[0]).toContain(host.url);
  // No storm: ten seconds later nothing more was asked than at first.
  const before = requests.length;
  const start = Date.now();
  await expect.poll(() => Date.now() - start, { timeout: 30_000 }).toBeGreaterThan(10_000);
  expect(requests.slice(before)).toEqual([]);
  expect(ours()).toHaveLength(1);
});

test('a site token that does not exist is told in one line', async ({ page, host, rejoin, noise }) => {
  noise.allow(/^\[rejoin\]/, /status of 404/);
  await page.goto(host.page('/', snippet(rejoin, 'st_nobody')));
  await page.getByRole('button', { name: 'Open chat' }).click();
  await expect(new Visitor(page).dialog).toContainText('This chat is not available here.');
  const ours = () => noise.heard().filter((line) => line.startsWith('[rejoin]'));
  await expect.poll(ours).toHaveLength(1);
  expect(ours()[0]).toContain('unknown_site');
});

/** A site with an assistant that this page may embed, by its number. */
async function addAssistant(rejoin, host) {
  const token = await addSite(rejoin, { origins: [host.url] });
  const printed = await rejoin.command('assistant', 'add', '--name', 'Savon', '--site', token, '--fallback', 'Soap.', '--data', rejoin.data);
  return /^assistant id: (\d+)$/m.exec(printed)[1];
}

const assistantTag = (rejoin, id) => `<script async src="${rejoin.url}/widget.js" data-assistant-id="${id}"></script>`;

test('an iframe whose server is away, or answers something else, is there by itself as soon as it can be', async ({ page, host, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE, /^\[rejoin\] offline/, /status of 503/);
  const id = await addAssistant(rejoin, host);
  let tries = 0;
  await page.route('**/embed?*', (route) => {
    tries += 1;
    if (tries === 1) return route.abort('connectionrefused');
    if (tries === 2) return route.fulfill({ status: 503, body: 'One moment', contentType: 'text/plain' });
    return route.continue();
  });
  await page.goto(host.page('/', assistantTag(rejoin, id)));
  const before = await page.evaluate(() => history.length);
  await page.getByRole('button', { name: 'Open chat' }).click();
  const frame = () => page.frames().find((each) => each.url().includes('/embed?') && each.url().includes('again=2'));
  await expect.poll(() => Boolean(frame()), { timeout: 40_000 }).toBe(true);
  const visitor = new Visitor(frame());
  await visitor.send('At last');
  await visitor.expectDelivery('At last', 'sent');
  await expect(page.locator('iframe')).toBeVisible();
  expect(tries).toBe(3);
  expect(await page.evaluate(() => history.length), 'the way back is as long as it was').toBe(before);
  expect(noise.heard().filter((line) => line.startsWith('[rejoin]'))).toHaveLength(1);
});

for (const { what, code } of [
  { what: 'is not on the list', code: 'forbidden_origin' },
  { what: 'names no assistant', code: 'unknown_assistant' },
]) {
  test(`a page with an iframe that ${what} says so in one line, and has no button that does nothing`, async ({ page, host, rejoin, noise }) => {
    noise.allow(/^\[rejoin\]/, /status of 40[34]/);
    const id = code === 'unknown_assistant' ? 999 : await addAssistant(rejoin, { url: 'https://soap.example' });
    await page.goto(host.page('/', assistantTag(rejoin, id)));
    await page.evaluate(() => rejoin('on', 'error', (word) => (globalThis.told = word)));
    await page.getByRole('button', { name: 'Open chat' }).click();
    await expect.poll(() => page.evaluate(() => globalThis.told)).toBe(code);
    await expect(page.locator('button.launcher')).toBeHidden();
    const ours = noise.heard().filter((line) => line.startsWith('[rejoin]'));
    expect(ours).toHaveLength(1);
    expect(ours[0]).toContain(code === 'forbidden_origin' ? `--origin ${host.url}` : 'rejoin assistant list');
  });
}

test('an iframe for a parent that is not on the list says so on a page', async ({ page, rejoin, noise }) => {
  noise.allow(/status of 40[34].*\/embed/);
  const forbidden = await page.goto(`${rejoin.url}/embed?assistant_id=3&parent_origin=https%3A%2F%2Fevil.example`);
  expect(forbidden.status()).toBe(403);
  await expect(page.getByRole('heading')).toHaveText('Not allowed here');
  const unknown = await page.goto(`${rejoin.url}/embed?assistant_id=999`);
  expect(unknown.status()).toBe(404);
  await expect(page.getByRole('heading')).toHaveText('No such assistant');
});

test('a page that lies about its origin gets no chat into its iframe', async ({ page, host, rejoin, noise }) => {
  noise.allow(/frame-ancestors/, /ERR_BLOCKED_BY_RESPONSE/);
  const source = `${rejoin.url}/embed?assistant_id=3&parent_origin=${encodeURIComponent(rejoin.url)}`;
  await page.goto(host.page('/', `<iframe src="${source}" title="Chat"></iframe>`));
  await expect.poll(() => noise.heard().join('\n')).toContain('frame-ancestors');
  await expect(page.frameLocator('iframe').getByRole('dialog')).toHaveCount(0);
  const health = await (await fetch(`${rejoin.url}/health/websocket`)).json();
  expect(health.active_widget_connections).toBe(0);
});
