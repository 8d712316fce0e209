// The widget in other languages, from right to left, and what happens when the words do not come.
import { test, expect, CONNECTION_TROUBLE } from './fixtures.mjs';
import { addSite, snippet } from './host.mjs';
import { Operator } from './operator.mjs';
import { Visitor } from './visitor.mjs';

/** What stands in the empty field, and the direction. */
const LANGUAGES = {
  en: ['Write a message…', 'ltr'],
  ar: ['اكتب رسالة…', 'rtl'],
  de: ['Nachricht schreiben …', 'ltr'],
  es: ['Escriba un mensaje…', 'ltr'],
  fr: ['Écrivez un message…', 'ltr'],
  he: ['כתיבת הודעה…', 'rtl'],
  it: ['Scriva un messaggio…', 'ltr'],
  pt: ['Escreva uma mensagem…', 'ltr'],
  ru: ['Напишите сообщение…', 'ltr'],
  zh: ['请输入消息…', 'ltr'],
};

const A_LANGUAGE = /\/assets\/[a-z]{2}-[0-9a-f]{8}\.js$/;

/** A page of a soap shop with the widget in it; `lang` is that of the page. */
async function shop({ rejoin, host }, attributes, { lang, name } = {}) {
  const token = await addSite(rejoin, { origins: [host.url], name });
  const address = host.page('/shop', snippet(rejoin, token, attributes));
  return { address, lang };
}

/** The launcher's name may be in any language. */
function launched(page) {
  const visitor = new Visitor(page);
  visitor.launcher = page.locator('button.launcher');
  return visitor;
}

async function expectLanguage(visitor, language) {
  const [words, direction] = LANGUAGES[language];
  await expect(visitor.field).toHaveAttribute('placeholder', words);
  await expect(visitor.dialog).toHaveAttribute('dir', direction);
}

test('every language is spoken when the tag asks for it, and every word of it is there', async ({ page, rejoin }) => {
  test.slow();
  await page.goto(`${rejoin.url}/demo/one`);
  const visitor = launched(page);
  await visitor.open();
  for (const language of Object.keys(LANGUAGES)) {
    await page.evaluate((locale) => rejoin('locale', locale), language);
    await expectLanguage(visitor, language);
    await expect(visitor.dialog).toHaveAttribute('lang', language);
    const labels = visitor.dialog.locator('[aria-label]');
    for (const label of await labels.all()) expect(await label.getAttribute('aria-label')).toBeTruthy();
  }
});

test('the words come beside the module with the first intent: nothing before it, and no English flashes', async ({ page, rejoin, host }) => {
  const { address } = await shop({ rejoin, host }, 'data-locale="ru"');
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url()).pathname));
  // The words are slower than everything else.
  let come;
  const coming = new Promise((done) => (come = done));
  await page.route(A_LANGUAGE, async (route) => {
    await coming;
    await route.continue();
  });
  await page.goto(address);
  const visitor = launched(page);
  await expect(visitor.launcher).toBeVisible();
  expect(asked.filter((path) => path.startsWith('/assets/'))).toEqual([]);
  await page.evaluate(() => {
    globalThis.said = [];
    const root = document.documentElement.lastElementChild.shadowRoot;
    new MutationObserver(() => globalThis.said.push(root.textContent)).observe(root, { childList: true, subtree: true, characterData: true });
  });
  await visitor.launcher.hover();
  await expect.poll(() => asked.filter((path) => A_LANGUAGE.test(path)).length).toBe(1);
  await visitor.launcher.click();
  come();
  await expectLanguage(visitor, 'ru');
  await expect(visitor.launcher).toHaveAccessibleName('Открыть чат');
  expect((await page.evaluate(() => globalThis.said)).filter((text) => /Close|Try now|Write to us|Today/.test(text))).toEqual([]);
  expect(asked.filter((path) => A_LANGUAGE.test(path)).length, 'languages fetched').toBe(1);
});

for (const [attributes, browser, language] of [
  ['data-locale="de-AT"', 'fr-FR', 'de'],
  ['data-locale="pt_PT"', 'fr-FR', 'pt'],
  ['data-locale="iw"', 'fr-FR', 'he'],
  ['data-locale="auto"', 'fr-FR', 'fr'],
  ['data-locale="ja"', 'fr-FR', 'en'],
  ['data-locale="not a language"', 'fr-FR', 'en'],
  // The page of the host says lang="en".
  ['', 'fr-FR', 'en'],
]) {
  test.describe(() => {
    test.use({ locale: browser });
    test(`a tag with ${attributes || 'nothing'} speaks ${language}`, async ({ page, rejoin, host }) => {
      const { address } = await shop({ rejoin, host }, attributes);
      await page.goto(address);
      const visitor = launched(page);
      await visitor.open();
      await expectLanguage(visitor, language);
    });
  });
}

test.describe('where the browser is Spanish', () => {
  test.use({ locale: 'es-MX' });
  test('a page without a language speaks the visitor’s', async ({ page, rejoin, host }) => {
    const { address } = await shop({ rejoin, host }, '');
    await page.addInitScript(() => document.documentElement?.removeAttribute('lang'));
    await page.goto(address);
    await page.evaluate(() => document.documentElement.removeAttribute('lang'));
    const visitor = launched(page);
    await visitor.open();
    await expectLanguage(visitor, 'es');
    await expect(visitor.dialog).toHaveAttribute('lang', 'es-MX');
  });
});

test('the language changes in the middle of a talk, with everything that is on the screen', async ({ page, rejoin, someone }) => {
  await page.goto(`${rejoin.url}/demo/one`);
  const visitor = launched(page);
  await visitor.open();
  await visitor.send('Hello');
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(await visitor.dialogId());
  await operator.send('Hi');
  await visitor.expectDelivery('Hello', 'read');
  await visitor.field.fill('half a sen');
  await page.evaluate(() => rejoin('locale', 'ru'));
  await expectLanguage(visitor, 'ru');
  await expect(visitor.message('Hello').locator('.s')).toContainText('Прочитано');
  await expect(visitor.log.locator('.d').filter({ hasText: /./ })).toHaveText(['Сегодня']);
  await expect(visitor.field).toHaveValue('half a sen');
  await visitor.expectMessages(['Hello', 'Hi']);
  // What comes later is said in it, too; of two wishes the last is granted.
  await page.evaluate(() => (rejoin('locale', 'fr'), rejoin('locale', 'de')));
  await expectLanguage(visitor, 'de');
  await operator.reply.pressSequentially('typing');
  await expect(visitor.log.locator('.v')).toHaveText('Dana Demo schreibt …');
  expect(await page.evaluate(() => rejoin('get', 'locale'))).toBe('de');
});

test('numbers have the plural of their language, in the launcher’s name', async ({ page, rejoin, someone }) => {
  await page.goto(`${rejoin.url}/demo/one`);
  const visitor = launched(page);
  await page.evaluate(() => rejoin('locale', 'ru'));
  await visitor.open();
  await visitor.send('Привет');
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(await visitor.dialogId());
  await visitor.dialog.getByRole('button', { name: 'Закрыть' }).click();
  const names = ['1 непрочитанное сообщение', '2 непрочитанных сообщения', '3 непрочитанных сообщения', '4 непрочитанных сообщения', '5 непрочитанных сообщений'];
  for (const name of names) {
    await operator.send(name);
    await expect(visitor.launcher).toHaveAccessibleName(`Открыть чат, ${name}`);
  }
});

test('words that cannot be fetched leave the chat English, and working', async ({ page, rejoin, noise }) => {
  noise.allow(CONNECTION_TROUBLE, /ERR_FAILED/);
  await page.route(A_LANGUAGE, (route) => route.abort());
  await page.goto(`${rejoin.url}/demo/one`);
  await page.evaluate(() => rejoin('locale', 'he'));
  const visitor = new Visitor(page);
  await visitor.open();
  await expectLanguage(visitor, 'en');
  await visitor.send('Hello');
  await visitor.expectDelivery('Hello', 'sent');
});

test('words that do not come do not keep the panel waiting, and are spoken when they come', async ({ page, rejoin }) => {
  let come;
  const coming = new Promise((done) => (come = done));
  await page.route(A_LANGUAGE, async (route) => {
    await coming;
    await route.continue();
  });
  await page.goto(`${rejoin.url}/demo/one`);
  await page.evaluate(() => rejoin('locale', 'he'));
  const visitor = launched(page);
  await visitor.open();
  await expectLanguage(visitor, 'en');
  come();
  await expectLanguage(visitor, 'he');
});

test('from right to left the panel is a mirror, and each text keeps its own direction', async ({ page, rejoin, host }) => {
  const { address } = await shop({ rejoin, host }, 'data-locale="he"', { name: 'סבונים' });
  await page.goto(address);
  const visitor = launched(page);
  await visitor.open();
  await expectLanguage(visitor, 'he');
  await visitor.send('שלום, אני צריך סבון');
  await visitor.send('And an English line');
  await visitor.expectDelivery('And an English line', 'sent');
  const middle = async (locator) => {
    const { x, width } = await locator.boundingBox();
    return x + width / 2;
  };
  const dialog = await middle(visitor.dialog);
  // Own messages and the button to send are on the left, the button to close, too.
  for (const text of ['שלום, אני צריך סבון', 'And an English line']) expect(await middle(visitor.message(text).locator('.t'))).toBeLessThan(dialog);
  expect(await middle(visitor.dialog.getByRole('button', { name: 'שליחה' }))).toBeLessThan(dialog);
  expect(await middle(visitor.dialog.getByRole('button', { name: 'סגירה' }))).toBeLessThan(dialog);
  expect(await middle(visitor.bubbles.first())).toBeGreaterThan(dialog);
  // Where a line begins follows its own letters.
  const begins = (text) =>
    visitor.message(text).locator('.t').evaluate((bubble) => {
      const range = document.createRange();
      range.setStart(bubble.firstChild, 0);
      range.setEnd(bubble.firstChild, 1);
      const first = range.getBoundingClientRect();
      const { left, width } = bubble.getBoundingClientRect();
      return first.left + first.width / 2 < left + width / 2 ? 'left' : 'right';
    });
  expect(await begins('שלום, אני צריך סבון')).toBe('right');
  expect(await begins('And an English line')).toBe('left');
});

test('a frame speaks the language of its tag, and changes it', async ({ page, rejoin }) => {
  await page.goto(`${rejoin.url}/demo/iframe`);
  const launcher = page.locator('button.launcher');
  await page.evaluate(() => rejoin('locale', 'ar'));
  await launcher.click();
  const visitor = new Visitor(page.frameLocator('iframe'));
  await expectLanguage(visitor, 'ar');
  await expect(launcher).toHaveAccessibleName('فتح المحادثة');
  await page.evaluate(() => rejoin('locale', 'it'));
  await expectLanguage(visitor, 'it');
  await expect(launcher).toHaveAccessibleName('Apri la chat');
});

test('the launcher stands where the lines of the page end, unless the tag says where', async ({ page, rejoin, host }) => {
  const token = await addSite(rejoin, { origins: [host.url] });
  const side = async () => ((await page.locator('button.launcher').boundingBox()).x < 200 ? 'left' : 'right');
  const mirrored = '<script>document.documentElement.dir = "rtl"</script>';
  for (const [body, expected] of [
    [snippet(rejoin, token), 'right'],
    [mirrored + snippet(rejoin, token), 'left'],
    [mirrored + snippet(rejoin, token, 'data-position="right"'), 'right'],
  ]) {
    await page.goto(host.page('/side', body));
    await expect(page.locator('button.launcher')).toBeVisible();
    expect(await side()).toBe(expected);
  }
});

test('a site calls its launcher as it likes', async ({ page, rejoin, host }) => {
  const { address } = await shop({ rejoin, host }, 'data-label="Ask the soap maker"');
  await page.goto(address);
  const launcher = page.getByRole('button', { name: 'Ask the soap maker' });
  await expect(launcher).toBeVisible();
  await launcher.click();
  await expect(page.getByRole('dialog')).toBeVisible();
  await expect(launcher).toHaveAccessibleName('Ask the soap maker');
});

test('the site’s own language is spoken where the page and its tag name none that is there', async ({ page, host, rejoin }) => {
  test.slow();
  const token = await addSite(rejoin, { origins: [host.url] });
  await rejoin.command('site', 'set', token, '--locale', 'de', '--data', rejoin.data);
  const visit = async (attributes, lang) => {
    await page.goto(host.page('/shop', snippet(rejoin, token, attributes), {}, lang));
    const visitor = launched(page);
    await visitor.open();
    return visitor;
  };
  // The page says nothing, and the visitor's browser English.
  await expectLanguage(await visit('', ''), 'de');
  // One that nobody speaks here.
  await expectLanguage(await visit('', 'nl'), 'de');
  await expectLanguage(await visit('data-locale="sv"', 'fr'), 'de');
  // What is named goes before it.
  await expectLanguage(await visit('', 'fr'), 'fr');
  await expectLanguage(await visit('', 'en'), 'en');
  await expectLanguage(await visit('data-locale="it"', 'fr'), 'it');
  await expectLanguage(await visit('data-locale="auto"', 'fr'), 'en');
  const visitor = await visit('', '');
  await expectLanguage(visitor, 'de');
  await page.evaluate(() => rejoin('locale', 'es'));
  await expectLanguage(visitor, 'es');
  // In a dialog that goes on, the link asks for the settings.
  await visitor.send('Hola');
  await visitor.expectDelivery('Hola', 'sent');
  await page.evaluate(() => rejoin('close'));
  await expectLanguage(await visit('', ''), 'de');
  await rejoin.command('site', 'set', token, '--locale=', '--data', rejoin.data);
  await expectLanguage(await visit('', ''), 'en');
});
