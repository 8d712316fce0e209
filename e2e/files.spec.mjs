// Images and files: chosen, pasted, dropped, sent with progress, shown, saved; and what becomes of them when things go wrong.
import { test, expect, CONNECTION_TROUBLE } from './fixtures.mjs';
import { knowingSite } from './backend.mjs';
import { addSite, snippet } from './host.mjs';
import { Operator, readLog } from './operator.mjs';
import { picture } from './picture.mjs';
import { Visitor } from './visitor.mjs';

/** The colour in the middle of a drawn preview, once it is drawn. */
async function middle(canvas) {
  await expect(canvas).toHaveAttribute('data-drawn', '');
  return canvas.evaluate((node) => [...node.getContext('2d').getImageData(node.width / 2, node.height / 2, 1, 1).data]);
}

/** The names of the files that the browser keeps. */
const kept = (page) =>
  page.evaluate(
    () =>
      new Promise((done) => {
        const opening = indexedDB.open('rejoin', 1);
        opening.onupgradeneeded = () => opening.result.createObjectStore('files', { keyPath: 'id' });
        opening.onsuccess = () => {
          const reading = opening.result.transaction('files').objectStore('files').getAll();
          reading.onsuccess = () => {
            opening.result.close();
            done(reading.result.map(({ name }) => name).sort());
          };
        };
      }),
  );

const picker = (visitor) => visitor.dialog.locator('input[type=file]');

test('an image goes from the visitor to the operator and back, as the first word of the dialog', async ({ page, rejoin, someone, saved }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await picker(visitor).setInputFiles({ name: 'red.png', mimeType: 'image/png', buffer: await picture(page) });
  const sent = visitor.log.getByRole('button', { name: /^Image red\.png/ });
  await expect(sent).toBeVisible();
  expect(await middle(sent.locator('canvas'))).toEqual([204, 51, 51, 255]);
  await expect(visitor.dialog.locator('.fi')).toHaveCount(0);
  await expect(visitor.rows.last()).toHaveAttribute('data-state', /sent|delivered/);
  const dialogId = await visitor.dialogId();
  const log = await readLog(rejoin, dialogId);
  expect(log.at(-1).file).toMatchObject({ name: 'red.png', mime: 'image/png', width: 64, height: 48 });
  expect(log.filter(({ id }) => id === 'welcome')).toHaveLength(1);

  // After a reload it is fetched from the server.
  await page.reload();
  await visitor.open();
  expect(await middle(sent.locator('canvas'))).toEqual([204, 51, 51, 255]);

  // The operator sees it, and answers with two of their own: chosen, and pasted.
  const operator = await Operator.logIn(await someone(), rejoin);
  await expect(operator.lines.filter({ hasText: '📎 red.png' })).toBeVisible();
  await operator.open(dialogId);
  const seen = operator.log.getByRole('button', { name: /^Image red\.png/ });
  expect(await middle(seen.locator('canvas'))).toEqual([204, 51, 51, 255]);
  const blue = await picture(page, '#33c');
  await operator.page.locator('#attach').setInputFiles({ name: 'blue.png', mimeType: 'image/png', buffer: blue });
  await expect(operator.log.getByRole('button', { name: /^Image blue\.png/ })).toBeVisible();
  const received = visitor.log.getByRole('button', { name: /^Image blue\.png/ });
  expect(await middle(received.locator('canvas'))).toEqual([51, 51, 204, 255]);
  await operator.page.locator('#attach').setInputFiles({ name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') });
  const offer = await saved(page, visitor.log.getByRole('button', { name: /^Save offer\.txt/ }));
  expect([offer.name, offer.bytes.toString()]).toEqual(['offer.txt', '12 €']);
});

test('a file that is not an image stands there by its name and is saved whole', async ({ page, rejoin, saved }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await picker(visitor).setInputFiles({ name: 'Bestellung.txt', mimeType: 'text/plain', buffer: Buffer.from('Zwölf Töpfe') });
  const file = visitor.log.getByRole('button', { name: /^Save Bestellung\.txt/ });
  await expect(file).toBeVisible();
  await page.reload();
  await visitor.open();
  const { name, bytes } = await saved(page, file);
  expect([name, bytes.toString()]).toEqual(['Bestellung.txt', 'Zwölf Töpfe']);
});

test('what is too large, or not accepted, is said where the visitor sees it', async ({ page, rejoin, noise }) => {
  noise.allow(/415/);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await picker(visitor).setInputFiles({ name: 'film.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(10 * 1024 * 1024 + 1) });
  const rows = visitor.dialog.locator('.fi');
  await expect(rows).toHaveText([/film\.mp4 is too large: 10 MB at most/]);
  await picker(visitor).setInputFiles({ name: 'page.html', mimeType: 'text/html', buffer: Buffer.from('<script>alert(1)</script>') });
  await expect(rows).toHaveText([/film\.mp4/, /page\.html is of a type that is not accepted here/]);
  await visitor.dialog.getByRole('button', { name: 'Cancel film.mp4' }).click();
  await visitor.dialog.getByRole('button', { name: 'Cancel page.html' }).press('Enter');
  await expect(rows).toHaveCount(0);
  await expect(visitor.field).toBeFocused();
});

test('an upload that is cut is tried again and comes once', async ({ page, rejoin, cable, noise }) => {
  noise.allow(CONNECTION_TROUBLE);
  const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
  await visitor.send('Here it comes');
  await visitor.expectDelivery('Here it comes', 'sent');
  let cut = 0;
  await page.route('**/files/**', (route) => (cut++ < 2 ? route.abort('connectionreset') : route.continue()));
  await picker(visitor).setInputFiles({ name: 'red.png', mimeType: 'image/png', buffer: await picture(page) });
  await expect(visitor.dialog.locator('.fi')).toHaveText(/Waiting for the connection: red\.png/);
  await expect(visitor.log.getByRole('button', { name: /^Image red\.png/ })).toBeVisible({ timeout: 30_000 });
  await expect(visitor.rows.last()).toHaveAttribute('data-state', /sent|delivered/);
  const log = await readLog(rejoin, await visitor.dialogId());
  expect(log.filter(({ file }) => file)).toHaveLength(1);
});

test('an image is pasted and dropped, and cells of a table stay text', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  const bytes = [...(await picture(page, '#3c3'))];
  const give = (kind, ...words) =>
    visitor.field.evaluate(
      (field, [type, content, texts]) => {
        const init = { bubbles: true, cancelable: true, composed: true };
        const held = new DataTransfer();
        const event = type === 'paste' ? new ClipboardEvent(type, { ...init, clipboardData: held }) : new DragEvent(type, { ...init, dataTransfer: held });
        // Firefox makes the clipboard of such an event itself.
        const data = event.clipboardData ?? event.dataTransfer;
        for (const text of texts) data.setData(text, 'what stands there');
        data.items.add(new File([new Uint8Array(content)], `${type}.png`, { type: 'image/png' }));
        return !field.dispatchEvent(event);
      },
      [kind, bytes, words],
    );
  // What takes drops comes while something is still held over the panel.
  await expect.poll(() => give('dragover')).toBe(true);
  await expect(visitor.dialog).toHaveAttribute('data-drop');
  await give('dragleave');
  await expect(visitor.dialog).not.toHaveAttribute('data-drop');
  await give('dragover');
  expect(await give('drop')).toBe(true);
  await expect(visitor.dialog).not.toHaveAttribute('data-drop');
  await expect(visitor.log.getByRole('button', { name: /^Image drop\.png/ })).toBeVisible();
  await give('paste');
  await expect(visitor.log.getByRole('button', { name: /^Image paste\.png/ })).toBeVisible();
  // Cells of a table come as a picture, too; a picture of a web page comes as its tag, too.
  expect(await give('paste', 'text/plain', 'text/html')).toBe(false);
  await visitor.send('after it');
  await visitor.expectDelivery('after it', /sent|delivered/);
  await expect(visitor.dialog.locator('.fi')).toHaveCount(0);
  await expect(visitor.log.locator('canvas')).toHaveCount(2);
  await give('paste', 'text/html');
  await expect(visitor.log.locator('canvas')).toHaveCount(3);
});

test('a site that takes no files has no button for them', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  await rejoin.command('site', 'set', token, '--files', 'off', '--data', rejoin.data);
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
  await expect(visitor.dialog.locator('.at')).toBeHidden();
});

test('files are sent and previews drawn under the strictest policy', async ({ page, host, rejoin, saved }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const socket = rejoin.url.replace('http', 'ws');
  const policy = [
    "default-src 'none'",
    `script-src ${rejoin.url} 'wasm-unsafe-eval'`,
    `connect-src ${rejoin.url} ${socket}`,
    'img-src data:',
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  const address = host.page('/', snippet(rejoin, token), { 'content-security-policy': policy });
  const visitor = await Visitor.visit(page, address);
  const buffer = await picture(page, '#33c');
  await picker(visitor).setInputFiles({ name: 'blue.png', mimeType: 'image/png', buffer });
  const sent = visitor.log.getByRole('button', { name: /^Image blue\.png/ });
  expect(await middle(sent.locator('canvas'))).toEqual([51, 51, 204, 255]);
  await expect(visitor.rows.last()).toHaveAttribute('data-state', /sent|delivered/);
  await page.reload();
  await visitor.open();
  expect(await middle(sent.locator('canvas'))).toEqual([51, 51, 204, 255]);
  const { name, bytes } = await saved(page, sent);
  expect(name).toBe('blue.png');
  expect(bytes).toEqual(buffer);
});

test('a preview is drawn where the page is told at once that it was out of sight and is in it', async ({ page, rejoin }) => {
  await page.addInitScript(() => {
    const Native = IntersectionObserver;
    globalThis.IntersectionObserver = class extends Native {
      constructor(told, options) {
        super((entries, self) => told([{ isIntersecting: false }, ...entries], self), options);
      }
    };
  });
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await picker(visitor).setInputFiles({ name: 'red.png', mimeType: 'image/png', buffer: await picture(page) });
  expect(await middle(visitor.log.getByRole('button', { name: /^Image red\.png/ }).locator('canvas'))).toEqual([204, 51, 51, 255]);
});

test('where a site takes no files, the field has their place and the button to send keeps its own', async ({ page, host, rejoin }) => {
  // What still moves is somewhere in between.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const token = await addSite(rejoin, { origins: [host.url] });
  const places = async () => {
    const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
    const send = visitor.dialog.getByRole('button', { name: 'Send' });
    const [dialog, field, button] = await Promise.all([visitor.dialog, visitor.field, send].map((part) => part.evaluate((node) => node.getBoundingClientRect().toJSON())));
    return { visitor, fromLeft: field.left - dialog.left, fromRight: dialog.right - button.right };
  };
  const withFiles = await places();
  await expect(withFiles.visitor.dialog.locator('.at')).toBeVisible();
  await rejoin.command('site', 'set', token, '--files', 'off', '--data', rejoin.data);
  const without = await places();
  await expect(without.visitor.dialog.locator('.at')).toBeHidden();
  expect(without.fromRight).toBe(withFiles.fromRight);
  expect(without.fromLeft).toBeLessThan(withFiles.fromLeft);
});

test('the button is reached and shown by the keyboard', async ({ page, rejoin }) => {
  // A chooser that comes before the browser knows that somebody waits for it is closed at once.
  page.on('filechooser', () => {});
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.field.fill('x');
  await visitor.field.focus();
  await page.keyboard.press('Shift+Tab');
  await expect(picker(visitor)).toBeFocused();
  await expect(picker(visitor)).toHaveAccessibleName('Attach files');
  // Not measured on the screen: the panel may still be growing into its place.
  await expect(visitor.dialog.locator('.at')).toHaveCSS('width', '44px');
  await expect(visitor.dialog.locator('.at')).toHaveCSS('height', '44px');
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Space')]);
  expect(chooser.isMultiple()).toBe(true);
});

test('a file that was on its way goes on after a reload, and is not kept after that', async ({ page, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await page.route('**/files/**', (route) => route.abort('connectionreset'));
  await picker(visitor).setInputFiles([
    { name: 'red.png', mimeType: 'image/png', buffer: await picture(page) },
    { name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') },
  ]);
  const rows = visitor.dialog.locator('.fi');
  await expect(rows).toHaveText([/red\.png/, /offer\.txt/]);
  await expect.poll(() => kept(page)).toEqual(['offer.txt', 'red.png']);
  await page.unroute('**/files/**');
  await page.reload();
  await visitor.open();
  await expect(visitor.log.getByRole('button', { name: /^Image red\.png/ })).toBeVisible();
  await expect(visitor.log.getByRole('button', { name: /^Save offer\.txt/ })).toBeVisible();
  await expect(rows).toHaveCount(0);
  await expect.poll(() => kept(page)).toEqual([]);
  const log = await readLog(rejoin, await visitor.dialogId());
  expect(log.flatMap(({ file }) => file?.name ?? [])).toEqual(['red.png', 'offer.txt']);
});

test('a file whose message no answer has come to is seen after a reload, before the link is there and after it', async ({ page, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await page.route('**/api/site/dialogs?*', (route) => route.abort('connectionreset'));
  await picker(visitor).setInputFiles({ name: 'red.png', mimeType: 'image/png', buffer: await picture(page) });
  const sent = visitor.log.getByRole('button', { name: /^Image red\.png/ });
  await expect(sent).toBeVisible();
  await expect.poll(() => kept(page)).toEqual([]);
  let release;
  const released = new Promise((resolve) => (release = resolve));
  await page.route(/\/assets\/client-/, (route) => released.then(() => route.continue()));
  await page.reload();
  await visitor.open();
  await expect(sent).toBeVisible();
  await page.unroute('**/api/site/dialogs?*');
  release();
  await expect(visitor.rows.last()).toHaveAttribute('data-state', /sent|delivered/, { timeout: 30_000 });
  expect(await middle(sent.locator('canvas'))).toEqual([204, 51, 51, 255]);
  const log = await readLog(rejoin, await visitor.dialogId());
  expect(log.filter(({ file }) => file)).toHaveLength(1);
});

test('a file whose bytes the browser has lost is named after a reload, to be chosen again', async ({ page, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await page.route('**/files/**', (route) => route.abort('connectionreset'));
  await picker(visitor).setInputFiles({ name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') });
  await expect.poll(() => kept(page)).toEqual(['offer.txt']);
  await page.evaluate(
    () =>
      new Promise((done) => {
        const opening = indexedDB.open('rejoin', 1);
        opening.onsuccess = () => (opening.result.transaction('files', 'readwrite').objectStore('files').clear().onsuccess = done);
      }),
  );
  page.on('dialog', (dialog) => dialog.accept());
  await page.reload();
  await visitor.open();
  const rows = visitor.dialog.locator('.fi');
  await expect(rows).toHaveText([/offer\.txt was not sent\. Please choose it again/]);
  await visitor.dialog.getByRole('button', { name: 'Cancel offer.txt' }).click();
  await expect(rows).toHaveCount(0);
  expect(await page.evaluate(() => Object.keys(localStorage).filter((name) => name.includes(':f:')))).toEqual([]);
});

test('whoever logs out leaves no file that was on its way', async ({ page, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await page.route('**/files/**', (route) => route.abort('connectionreset'));
  await picker(visitor).setInputFiles({ name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') });
  await expect.poll(() => kept(page)).toEqual(['offer.txt']);
  await page.evaluate(() => globalThis.rejoin('logout'));
  await expect(visitor.dialog.locator('.fi')).toHaveCount(0);
  await expect.poll(() => kept(page)).toEqual([]);
});

test('the name of a file that one visitor has sent, or could not send, is not left for the next', async ({ page, host, rejoin, noise }) => {
  noise.allow(/415/);
  const site = await knowingSite(rejoin, host);
  const visitor = await Visitor.visit(page, site.address);
  const status = visitor.dialog.locator('.fs');
  const note = { name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') };
  await picker(visitor).setInputFiles(note);
  await expect(status).toHaveText('offer.txt was sent');
  await page.evaluate(() => globalThis.rejoin('logout'));
  await expect(status).toHaveText('');
  await page.evaluate((token) => globalThis.rejoin('identify', token), site.sign('ann'));
  await picker(visitor).setInputFiles({ name: 'page.html', mimeType: 'text/html', buffer: Buffer.from('<script>alert(1)</script>') });
  await expect(visitor.dialog.locator('.fi')).toHaveAttribute('data-state', 'failed');
  await page.evaluate((token) => globalThis.rejoin('identify', token), site.sign('bob'));
  await expect(visitor.dialog.locator('.fi')).toHaveCount(0);
  await expect(status).toHaveText('');
});

test('a file that is chosen while what sends it cannot be fetched is sent when it can', async ({ page, rejoin, noise }) => {
  noise.allow(/ERR_FAILED/);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  let tries = 0;
  await page.route(/\/assets\/files-/, (route) => (tries++ ? route.continue() : route.abort()));
  await picker(visitor).setInputFiles({ name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') });
  await expect(visitor.log.getByRole('button', { name: /offer\.txt/ })).toBeVisible();
  await expect(visitor.rows.last()).toHaveAttribute('data-state', /sent|delivered/);
});

/** Answers the uploads of a page as a server would that has lost what it took: the message finds no file. */
async function losesUploads(page, statuses) {
  await page.route('**/files/*', async (route) => {
    const request = route.request();
    const status = request.method() === 'PUT' ? statuses.shift() : undefined;
    if (!status) return route.continue();
    const { pathname, searchParams } = new URL(request.url());
    const bytes = request.postDataBuffer();
    const file = { id: pathname.split('/').at(-1), name: searchParams.get('name'), mime: 'text/plain', size: bytes?.length ?? 4 };
    return route.fulfill({ status, json: { file } });
  });
}

test('a file that the server has lost before its message came goes up again, and comes once', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Here it comes');
  await visitor.expectDelivery('Here it comes', 'sent');
  await losesUploads(page, [201]);
  await picker(visitor).setInputFiles({ name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') });
  await expect.poll(async () => (await readLog(rejoin, await visitor.dialogId())).map(({ file }) => file?.name)).toContain('offer.txt');
  await expect(visitor.log.getByRole('button', { name: /^Save offer\.txt/ })).toHaveCount(1);
  await expect(visitor.rows.last()).toHaveAttribute('data-state', /sent|delivered/);
  await expect(visitor.dialog.locator('.fi')).toHaveCount(0);
  await expect.poll(() => kept(page)).toEqual([]);
});

test('a file that the server loses again after a try that it did not answer is named as well', async ({ page, rejoin, noise }) => {
  noise.allow(/422|503/);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  // It took the second one, and says so to the third only: that it knows the file does not mean that the log has it.
  await losesUploads(page, [201, 503, 200]);
  await picker(visitor).setInputFiles({ name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') });
  await expect(visitor.dialog.locator('.fi')).toHaveText([/offer\.txt was not sent\. Please choose it again/]);
});

test('a file that the server loses again and again is named, to be chosen again', async ({ page, rejoin, noise }) => {
  noise.allow(/422/);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await losesUploads(page, [201, 201]);
  await picker(visitor).setInputFiles({ name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') });
  const rows = visitor.dialog.locator('.fi');
  await expect(rows).toHaveText([/offer\.txt was not sent\. Please choose it again/]);
  await expect(visitor.log.getByRole('button', { name: /offer\.txt/ })).toHaveCount(0);
  await page.reload();
  await visitor.open();
  await expect(rows).toHaveText([/offer\.txt was not sent\. Please choose it again/]);
  await visitor.dialog.getByRole('button', { name: 'Cancel offer.txt' }).click();
  await picker(visitor).setInputFiles({ name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') });
  await expect(visitor.log.getByRole('button', { name: /^Save offer\.txt/ })).toHaveCount(1);
});

test('an operator’s file that the server has lost goes up again as well', async ({ page, rejoin, someone }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Anything for me?');
  await visitor.expectDelivery('Anything for me?', 'sent');
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(await visitor.dialogId());
  await losesUploads(operator.page, [201]);
  await operator.page.locator('#attach').setInputFiles({ name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') });
  await expect(visitor.log.getByRole('button', { name: /^Save offer\.txt/ })).toBeVisible();
  await expect(operator.log.getByRole('button', { name: /^Save offer\.txt/ })).toHaveCount(1);
  await expect(operator.page.locator('.fi')).toHaveCount(0);
});

test('a proxy that has no room for a file is believed at once', async ({ page, rejoin, noise }) => {
  noise.allow(/413/);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  let asked = 0;
  await page.route('**/files/*', (route) => {
    asked += 1;
    return route.fulfill({ status: 413, contentType: 'text/html', body: '<h1>413 Request Entity Too Large</h1>' });
  });
  await picker(visitor).setInputFiles({ name: 'red.png', mimeType: 'image/png', buffer: await picture(page) });
  await expect(visitor.dialog.locator('.fi')).toHaveText([/red\.png is too large to be sent from here/]);
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await visitor.send('Then without it');
  await visitor.expectDelivery('Then without it', 'sent');
  expect(asked).toBe(1);
  await expect.poll(() => kept(page)).toEqual([]);
});

test('what somebody in between never lets pass ends as a refusal that can be tried again', async ({ page, host, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE);
  const token = await addSite(rejoin, { origins: [host.url] });
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
  // A page of another origin is not told what somebody in between has answered: to it, the request has failed.
  await page.route('**/files/*', (route) => route.abort('connectionreset'));
  await picker(visitor).setInputFiles({ name: 'red.png', mimeType: 'image/png', buffer: await picture(page) });
  const rows = visitor.dialog.locator('.fi');
  await expect(rows).toHaveText([/Waiting for the connection: red\.png/]);
  const look = async () => {
    // Whoever comes online anew does not wait for the next try.
    await page.evaluate(() => dispatchEvent(new Event('online')));
    return rows.first().textContent();
  };
  await expect.poll(look, { timeout: 30_000 }).toContain('red.png cannot be sent here');
  await page.unroute('**/files/*');
  await rows.getByRole('button', { name: 'Try again' }).click();
  await expect(visitor.log.getByRole('button', { name: /^Image red\.png/ })).toBeVisible();
  await expect(rows).toHaveCount(0);
});

test('the console offers no files where the site takes none, and says so to who drops one', async ({ page, host, rejoin, someone }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  await rejoin.command('site', 'set', token, '--files', 'off', '--data', rejoin.data);
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
  await visitor.send('Hello');
  await visitor.expectDelivery('Hello', 'sent');
  const operator = await Operator.hire(await someone(), rejoin, { email: 'op@example.org', name: 'Olga' });
  await operator.open(await visitor.dialogId());
  await expect(operator.page.locator('.attach')).toBeHidden();
  await operator.page.locator('#thread').evaluate((pane) => {
    const data = new DataTransfer();
    data.items.add(new File(['12'], 'offer.txt', { type: 'text/plain' }));
    pane.dispatchEvent(new DragEvent('drop', { bubbles: true, cancelable: true, dataTransfer: data }));
  });
  await expect(operator.page.getByRole('alert')).toHaveText('This site takes no files.');
  await expect(operator.page.locator('.fi')).toHaveCount(0);
  // Another site’s dialogs have it.
  const other = await someone();
  const guest = await Visitor.visit(other, `${rejoin.url}/demo/one`);
  await guest.send('Hello');
  await guest.expectDelivery('Hello', 'sent');
  await operator.open(await guest.dialogId());
  await expect(operator.page.locator('.attach')).toBeVisible();
});
