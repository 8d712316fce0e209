// With the keyboard alone, for screen readers, on phones, in the dark.
import AxeBuilder from '@axe-core/playwright';
import { test, expect, CONNECTION_TROUBLE } from './fixtures.mjs';
import { addSite, close, snippet } from './host.mjs';
import { Operator } from './operator.mjs';
import { picture } from './picture.mjs';
import { Visitor } from './visitor.mjs';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** Expects that axe finds nothing to complain about. */
async function expectAccessible(page, what) {
  // What is still moving has colours in between.
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const { violations } = await new AxeBuilder({ page }).withTags(RULES).analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target.join(' ')} ${failureSummary}`).join('\n')}`);
  expect(found, what).toEqual([]);
}

test('the keyboard alone opens, writes, breaks a line, sends, closes, and gets the focus back', async ({ page, rejoin }) => {
  await page.goto(`${rejoin.url}/demo/one`);
  const visitor = new Visitor(page);
  const isOnLauncher = () => visitor.launcher.evaluate((button) => button.getRootNode().activeElement === button);
  for (let presses = 0; !(await isOnLauncher()); presses += 1) {
    expect(presses, 'presses of Tab to the launcher').toBeLessThan(60);
    await page.keyboard.press('Tab');
  }
  await page.keyboard.press('Enter');
  await expect(visitor.field).toBeFocused();
  await expect(visitor.launcher).toHaveAttribute('aria-expanded', 'true');
  await page.keyboard.type('First line');
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('second line');
  await page.keyboard.press('Enter');
  await visitor.expectMessages(['First line\nsecond line']);
  await expect(visitor.field).toHaveValue('');
  await expect(visitor.field).toBeFocused();

  await page.keyboard.type('With the button');
  await page.keyboard.press('Tab');
  await expect(visitor.dialog.getByRole('button', { name: 'Send' })).toBeFocused();
  await page.keyboard.press('Space');
  await visitor.expectMessages(['First line\nsecond line', 'With the button']);

  await page.keyboard.press('Escape');
  await expect(visitor.dialog).toBeHidden();
  await expect(visitor.launcher).toBeFocused();
  await expect(visitor.launcher).toHaveAttribute('aria-expanded', 'false');
});

test('the focus goes back to the page’s own button that opened the chat', async ({ page, rejoin }) => {
  await page.goto(`${rejoin.url}/demo/one`);
  const visitor = new Visitor(page);
  const button = page.locator('[data-rejoin-open]').first();
  await button.focus();
  await page.keyboard.press('Enter');
  await expect(visitor.field).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(button).toBeFocused();
});

test('the keyboard alone sends a file, gets at what came, takes back what waits, and loses its place nowhere', async ({ page, rejoin, noise, saved }) => {
  noise.allow(CONNECTION_TROUBLE);
  // A chooser that comes before the browser knows that somebody waits for it is closed at once.
  page.on('filechooser', () => {});
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  const focused = () => visitor.dialog.evaluate((dialog) => dialog.getRootNode().activeElement?.ariaLabel ?? '');
  const tabTo = async (name, key = 'Tab') => {
    for (let presses = 0; !name.test(await focused()); presses += 1) {
      expect(presses, `presses of ${key} to ${name}`).toBeLessThan(20);
      await page.keyboard.press(key);
    }
  };
  await visitor.field.focus();
  await tabTo(/^Attach files$/, 'Shift+Tab');
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Enter')]);
  await chooser.setFiles({ name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') });
  const file = visitor.log.getByRole('button', { name: /^Save offer\.txt/ });
  await expect(file).toBeVisible();
  await tabTo(/^Save offer\.txt/, 'Shift+Tab');
  await expect(file).toBeFocused();
  const got = await saved(page, { click: () => page.keyboard.press('Enter') });
  expect([got.name, got.bytes.toString()]).toEqual(['offer.txt', '12 €']);

  await page.route('**/files/**', () => {});
  await visitor.dialog.locator('input[type=file]').setInputFiles({ name: 'slow.png', mimeType: 'image/png', buffer: await picture(page) });
  await expect(visitor.dialog.locator('.fi progress')).toBeVisible();
  await tabTo(/^Cancel slow\.png$/);
  await page.keyboard.press('Enter');
  await expect(visitor.dialog.locator('.fi')).toHaveCount(0);
  await expect(visitor.field).toBeFocused();
});

test('the field is as high as what is written, and its first line stays in sight', async ({ page, rejoin }) => {
  await page.setViewportSize({ width: 390, height: 844 });
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  const words = 'Could you please tell me whether the large blue bowl with the lagoon glaze that I saw in your window last week is still there'.split(' ');
  for (let count = 1; count <= words.length; count += 1) {
    await visitor.field.fill(words.slice(0, count).join(' '));
    const { height, content, top } = await visitor.field.evaluate((field) => ({ height: field.clientHeight, content: field.scrollHeight, top: field.scrollTop }));
    expect(content, `${count} words`).toBeLessThanOrEqual(height);
    expect(top).toBe(0);
  }
});

test('the launcher shows where the keyboard is, on a page of any colour', async ({ page, host, rejoin }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  await page.goto(host.page('/', `<style>body{background:#fff}</style>${snippet(rejoin, token)}`));
  const launcher = page.getByRole('button', { name: 'Open chat' });
  await launcher.focus();
  await page.keyboard.press('Shift');
  await expect(launcher).not.toHaveCSS('outline-style', 'none');
  await expect(launcher).not.toHaveCSS('outline-color', 'rgb(255, 255, 255)');
});

test('Enter that ends a word of an input method does not send it', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  const devtools = await page.context().newCDPSession(page);
  await visitor.field.focus();
  await devtools.send('Input.imeSetComposition', { text: 'にほん', selectionStart: 3, selectionEnd: 3 });
  await visitor.field.dispatchEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true });
  await visitor.field.dispatchEvent('keydown', { key: 'Enter', keyCode: 229, bubbles: true });
  await devtools.send('Input.insertText', { text: '日本' });
  await expect(visitor.field).toHaveValue('日本');
  expect((await visitor.texts()).length).toBe(1);
  await page.keyboard.press('Enter');
  await visitor.expectMessages(['日本']);
});

test('new messages are read out, and the states of the dialog have names', async ({ page, rejoin, someone }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await expect(visitor.dialog).toHaveAccessibleName('Morrow Stoneware');
  await expect(visitor.log).toHaveAttribute('aria-live', 'polite');
  await expect(visitor.log).toHaveAccessibleName('Messages');
  await expect(visitor.field).toHaveAccessibleName('Write a message…');
  await visitor.send('Hello');
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(await visitor.dialogId());
  await operator.send('Hello!');
  await expect(visitor.log).toContainText('Dana DemoHello!');
  await expect(visitor.log).toHaveAttribute('aria-live', 'polite');
});

for (const colorScheme of ['light', 'dark']) {
  test.describe(`in ${colorScheme} colours`, () => {
    test.use({ colorScheme });

    test('axe finds nothing in the widget: closed, open, in a talk, offline', async ({ page, context, rejoin, someone, noise }) => {
      test.slow();
      noise.allow(CONNECTION_TROUBLE);
      await page.goto(`${rejoin.url}/demo/one`);
      const visitor = new Visitor(page);
      await expect(visitor.launcher).toBeVisible();
      await expectAccessible(page, 'closed');
      await visitor.open();
      await expectAccessible(page, 'open');
      await visitor.send('Hello, see https://example.com/');
      const operator = await Operator.logIn(await someone({ colorScheme }), rejoin);
      await operator.open(await visitor.dialogId());
      await operator.send('Hello! Have a look at https://example.com/answer');
      await expect.poll(() => visitor.texts().then((texts) => texts.length)).toBe(3);
      await expectAccessible(page, 'in a talk');
      await expectAccessible(operator.page, 'the console in a talk');
      await context.setOffline(true);
      await visitor.send('Is anybody there?');
      await expect(visitor.banner.getByRole('button', { name: 'Try now' })).toBeVisible({ timeout: 30_000 });
      await visitor.expectDelivery('Is anybody there?', 'unconfirmed', { timeout: 30_000 });
      await expectAccessible(page, 'offline');
    });

    test('axe finds nothing in files: shown, under way, refused, held over the panel, in the console', async ({ page, rejoin, someone, noise }) => {
      test.slow();
      noise.allow(/415/, CONNECTION_TROUBLE);
      const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
      const choose = (...files) => visitor.dialog.locator('input[type=file]').setInputFiles(files);
      const red = { name: 'red.png', mimeType: 'image/png', buffer: await picture(page) };
      const offer = { name: 'offer.txt', mimeType: 'text/plain', buffer: Buffer.from('12 €') };
      await choose(red, offer);
      await expect(visitor.log.getByRole('button', { name: /^Image red\.png/ })).toBeVisible();
      await expect(visitor.log.getByRole('button', { name: /^Save offer\.txt/ })).toBeVisible();
      const operator = await Operator.logIn(await someone({ colorScheme }), rejoin);
      await operator.open(await visitor.dialogId());
      const attach = operator.page.locator('#attach');
      await attach.setInputFiles([{ ...red, name: 'answer.png' }, { ...offer, name: 'answer.txt' }]);
      await expect(visitor.log.getByRole('button', { name: /^Image answer\.png/ })).toBeVisible();
      await expect(visitor.log.getByRole('button', { name: /^Save answer\.txt/ })).toBeVisible();
      await expectAccessible(page, 'shown');
      await expectAccessible(operator.page, 'shown in the console');

      const refused = { name: 'page.html', mimeType: 'text/html', buffer: Buffer.from('<script>alert(1)</script>') };
      for (const where of [page, operator.page]) await where.route('**/files/**', (route) => route.request().postDataBuffer()?.includes('alert') ? route.continue() : undefined);
      await choose(refused, { ...red, name: 'slow.png' });
      await attach.setInputFiles([refused, { ...red, name: 'slow.png' }]);
      for (const where of [visitor.dialog, operator.page]) {
        await expect(where.locator('.fi')).toHaveText([/page\.html/, /slow\.png/]);
        await expect(where.locator('.fi[data-state=failed]')).toHaveCount(1);
        await expect(where.locator('.fi:not([data-state=failed]) progress')).toBeVisible();
      }
      await expectAccessible(page, 'refused and under way');
      await expectAccessible(operator.page, 'refused and under way in the console');
      await visitor.dialog.evaluate((dialog) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File(['x'], 'x.txt'));
        dialog.dispatchEvent(new DragEvent('dragover', { bubbles: true, cancelable: true, dataTransfer }));
      });
      await expect(visitor.dialog).toHaveAttribute('data-drop');
      await expectAccessible(page, 'held over the panel');
    });

    test('axe finds nothing while nobody is there: the notice, the question for an address, a wrong one, one that was left', async ({ page, host, rejoin }) => {
      test.slow();
      const token = await addSite(rejoin, { origins: [host.url] });
      await close(rejoin, token, ['--away', 'Orders are shipped all the same.']);
      const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
      await expect(visitor.dialog).toContainText('Orders are shipped all the same.');
      await expectAccessible(page, 'the notice');
      await visitor.send('Is anybody there?');
      const email = visitor.dialog.getByLabel('Leave your e-mail and we will write to you');
      await expect(email).toBeVisible();
      await expectAccessible(page, 'the question');
      await email.fill('ann');
      await email.press('Enter');
      await expect(visitor.dialog.getByRole('alert')).toBeVisible();
      await expectAccessible(page, 'a wrong one');
      await email.fill('ann@shop.example');
      await email.press('Enter');
      await expect(visitor.dialog).toContainText('We will write to you by e-mail');
      await expectAccessible(page, 'one that was left');
    });

    test('axe finds nothing on our own pages', async ({ page, rejoin }) => {
      test.slow();
      for (const path of ['/', '/demo/two', '/demo/three', '/demo/iframe', '/demo/plain-iframe', '/console']) {
        await page.goto(rejoin.url + path);
        await page.waitForLoadState('networkidle');
        await expectAccessible(page, path);
      }
    });
  });
}

test.describe('on a phone', () => {
  test.use({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true });

  test('the panel fills the screen, its targets fit a finger, and the page does not zoom', async ({ page, rejoin }) => {
    await page.goto(`${rejoin.url}/demo/one`);
    const visitor = new Visitor(page);
    await visitor.launcher.tap();
    await expect(visitor.bubbles.first()).toBeVisible();
    await expect.poll(() => visitor.dialog.boundingBox()).toEqual({ x: 0, y: 0, width: 390, height: 844 });
    // A smaller font makes iOS zoom in.
    expect(await visitor.field.evaluate((field) => parseFloat(getComputedStyle(field).fontSize))).toBeGreaterThanOrEqual(16);
    await visitor.field.fill('From a phone');
    const send = visitor.dialog.getByRole('button', { name: 'Send' });
    const close = visitor.dialog.getByRole('button', { name: 'Close' });
    for (const button of [send, close]) expect(await reach(button)).toBeGreaterThanOrEqual(44);
    await send.tap();
    await visitor.expectDelivery('From a phone', 'sent');
    await close.tap();
    await expect(visitor.dialog).toBeHidden();
    await expect(visitor.launcher).toBeVisible();
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
  });

  test('axe finds nothing on a phone', async ({ page, rejoin, someone }) => {
    const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
    await visitor.send('From a phone');
    await visitor.expectDelivery('From a phone', 'sent');
    await expectAccessible(page, 'the widget');
    const operator = await Operator.logIn(await someone({ viewport: { width: 390, height: 844 } }), rejoin);
    await expect(operator.lines.first()).toBeVisible();
    await expectAccessible(operator.page, 'the list of the console');
    await operator.open(await visitor.dialogId());
    await expectAccessible(operator.page, 'a dialog of the console');
  });
});

/** How large the area is that reacts to a finger around the middle of a button, in px. */
function reach(button) {
  return button.evaluate((element) => {
    const { left, top, width, height } = element.getBoundingClientRect();
    const [x, y] = [left + width / 2, top + height / 2];
    const hits = (dx, dy) => element.contains(element.getRootNode().elementFromPoint(x + dx, y + dy));
    let px = 0;
    while (px < 100 && [[px, 0], [-px, 0], [0, px], [0, -px]].every(([dx, dy]) => hits(dx, dy))) px += 1;
    return 2 * px;
  });
}

test('reduced motion stops what moves: the panel, the dots, the launcher', async ({ page, rejoin, someone }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await expect(visitor.dialog).toHaveCSS('animation-name', 'none');
  await expect(visitor.launcher).toHaveCSS('transition-property', 'none');
  await visitor.send('Hello');
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(await visitor.dialogId());
  await operator.reply.pressSequentially('Hi');
  await expect(visitor.log.locator('.y i').first()).toHaveCSS('animation-name', 'none');
});

test('forced colours leave every surface an edge', async ({ page, rejoin }) => {
  await page.emulateMedia({ forcedColors: 'active' });
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectDelivery('Hello', 'sent');
  await visitor.field.fill('More');
  for (const surface of [visitor.dialog, visitor.message('Hello').locator('.t'), visitor.dialog.getByRole('button', { name: 'Send' }), visitor.launcher]) {
    await expect(surface).toHaveCSS('border-top-style', 'solid');
    expect(await surface.evaluate((element) => parseFloat(getComputedStyle(element).borderTopWidth))).toBeGreaterThan(0);
  }
});

test.describe('at 200 % on a small screen', () => {
  test.use({ viewport: { width: 640, height: 360 } });

  test('there is room to read and to write, and Tab stays where it is seen', async ({ page, rejoin }) => {
    const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
    // It grows into its place.
    await expect.poll(async () => (await visitor.dialog.boundingBox()).height).toBe(360);
    expect((await visitor.dialog.boundingBox()).width).toBeGreaterThan(600);
    expect((await visitor.log.boundingBox()).height).toBeGreaterThan(180);
    await expect(visitor.dialog).toHaveAttribute('aria-modal', 'true');
    await expect(visitor.field).toBeFocused();
    const focused = () => visitor.dialog.evaluate((dialog) => dialog.getRootNode().activeElement?.ariaLabel ?? null);
    const way = async (key) => {
      const names = [];
      for (let presses = 0; presses < 4; presses += 1) {
        await page.keyboard.press(key);
        names.push(await focused());
      }
      return names;
    };
    // Nothing is written: there is nothing to send.
    expect(await way('Tab')).toEqual(['Close', 'Messages', 'Attach files', 'Write a message…']);
    expect(await way('Shift+Tab')).toEqual(['Attach files', 'Messages', 'Close', 'Write a message…']);
    await visitor.field.fill('x');
    expect(await way('Tab')).toEqual(['Send', 'Close', 'Messages', 'Attach files']);
    expect(await way('Shift+Tab')).toEqual(['Messages', 'Close', 'Send', 'Write a message…']);
    await expectAccessible(page, 'a low screen');
  });
});

test('a panel beside its page lets Tab go on to the page', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await expect(visitor.dialog).toHaveAttribute('aria-modal', 'false');
  const inside = () => visitor.dialog.evaluate((dialog) => dialog.contains(dialog.getRootNode().activeElement));
  await expect.poll(async () => (await page.keyboard.press('Tab'), inside())).toBe(false);
});

test('more space between letters, words and lines hides nothing that can be pressed or read', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('A message of several words that takes more than a line in the panel');
  await visitor.dialog.evaluate((dialog) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('.p *{letter-spacing:.12em!important;word-spacing:.16em!important;line-height:1.5!important}');
    dialog.getRootNode().adoptedStyleSheets.push(sheet);
  });
  const cut = await visitor.dialog.evaluate((dialog) =>
    [...dialog.querySelectorAll('.t, .s, .b span, button, textarea')]
      .filter((element) => element.checkVisibility() && element.scrollWidth > element.clientWidth + 1)
      .map((element) => element.className),
  );
  expect(cut).toEqual([]);
  expect(await visitor.dialog.evaluate((dialog) => dialog.scrollHeight <= dialog.clientHeight)).toBe(true);
});

test('a message in doubt can be asked for again with the keyboard, and is there once', async ({ page, context, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE);
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('First');
  await visitor.expectDelivery('First', 'sent');
  // The first message goes by a request: what no link has carried is in no doubt.
  await visitor.expectLink('online');
  await context.setOffline(true);
  await visitor.send('Is it there?');
  await visitor.expectDelivery('Is it there?', 'unconfirmed', { timeout: 30_000 });
  const retry = visitor.message('Is it there?').getByRole('button', { name: 'Try now' });
  await expect(retry).toBeVisible();
  await context.setOffline(false);
  await retry.focus();
  await page.keyboard.press('Enter');
  await visitor.expectDelivery('Is it there?', 'sent', { timeout: 30_000 });
  await visitor.expectMessages(['First', 'Is it there?']);
});

test('axe finds nothing from right to left: on a phone, in the dark, in each state', async ({ rejoin, someone, noise }) => {
  test.slow();
  noise.allow(CONNECTION_TROUBLE);
  const page = await someone({ viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: 'dark' });
  await page.goto(`${rejoin.url}/demo/one`);
  await page.evaluate(() => rejoin('locale', 'ar'));
  const visitor = new Visitor(page);
  visitor.launcher = page.locator('button.launcher');
  await expectAccessible(page, 'closed');
  await visitor.open();
  await expect(visitor.dialog).toHaveAttribute('dir', 'rtl');
  await expectAccessible(page, 'open');
  await visitor.field.fill('x'.repeat(5_000));
  await expectAccessible(page, 'a text that is too long');
  await visitor.send('مرحباً');
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(await visitor.dialogId());
  await operator.send('Hello');
  await visitor.expectMessages(['مرحباً', 'Hello']);
  await operator.reply.pressSequentially('and');
  await expect(visitor.log.locator('.y')).toBeVisible();
  await expectAccessible(page, 'somebody types');
  await page.context().setOffline(true);
  await visitor.send('هل من أحد؟');
  await expect(visitor.dialog.locator('.b')).toBeVisible({ timeout: 30_000 });
  await visitor.expectDelivery('هل من أحد؟', 'unconfirmed', { timeout: 30_000 });
  await expectAccessible(page, 'offline');
  await page.context().setOffline(false);
  // The operator's page is there, and reads it as soon as it comes.
  await visitor.expectDelivery('هل من أحد؟', /sent|delivered|read/, { timeout: 30_000 });
  await page.evaluate(() => rejoin('close'));
  await operator.reply.fill('');
  await operator.send('Yes');
  await expect(visitor.launcher).toHaveAccessibleName('فتح المحادثة، رسالة واحدة غير مقروءة');
  await expectAccessible(page, 'closed, unread');
});
