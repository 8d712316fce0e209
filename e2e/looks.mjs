// Looks at the widget in every state: `npm run looks` takes a picture of each (`npm run looks -- PART` of those with this in their names),
// and writes a page with all of them in reports/looks. Nothing is compared: people look at them. The pictures for the README and the docs are taken by e2e/screenshots.mjs.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';
import config from '../playwright.config.mjs';
import { Host, addSite, close, snippet } from './host.mjs';
import { Operator } from './operator.mjs';
import { picture } from './picture.mjs';
import { Server, repository } from './server.mjs';
import { Visitor } from './visitor.mjs';

const SCREENS = {
  desktop: { viewport: { width: 1000, height: 800 } },
  phone: { viewport: { width: 390, height: 780 }, hasTouch: true, isMobile: true },
};

const WORDS = {
  en: {
    welcome: 'Welcome! Ask us anything about our pots.',
    talk: [
      'Hello! Is the blue bowl still there? I saw it on https://shop.example/bowls/blue?size=28&glaze=lagoon yesterday.',
      'Hi, one is left.\n\nShall I put it aside for you?',
      'Yes please',
      'Thank you!',
      'Done. It waits for you until Friday, six o’clock.',
    ],
    unsent: 'One more question: do you ship abroad?',
    photo: 'blue bowl, from above.png',
    document: 'Quotation 2026-117 for twelve bowls in lagoon glaze (revised).txt',
    away: 'Orders are shipped all the same.',
    help: 'Is anybody there?',
    long: 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(2),
  },
  ar: {
    welcome: 'أهلاً بك! اسألنا عن أي شيء يخص أوانينا.',
    talk: [
      'مرحباً! هل ما زال الوعاء الأزرق متوفراً؟ رأيته على https://shop.example/bowls/blue أمس.',
      'أهلاً، بقي واحد فقط.\n\nهل أحجزه لك؟',
      'نعم من فضلك',
      'The order number is 4711, thanks!',
      'تم. سينتظرك حتى يوم الجمعة الساعة 18:00.',
    ],
    unsent: 'سؤال آخر: هل تشحنون إلى الخارج؟',
    photo: 'الوعاء الأزرق.png',
    document: 'عرض سعر 2026-117 لاثني عشر وعاءً بطلاء أزرق (منقّح).txt',
    away: 'تُشحن الطلبات على أي حال.',
    help: 'هل من أحد؟',
    long: 'كلمةطويلةجداً'.repeat(14),
  },
};

/** Each begins where the one before it ended. */
const STATES = {
  launcher: async () => {},
  empty: ({ visitor }) => visitor.open(),
  talk: async ({ visitor, words, operators: [operator] }) => {
    for (const [index, text] of words.talk.entries()) {
      const own = index % 2 === 0 ? index < 4 : index === 3;
      await (own ? visitor : operator).send(text);
      if (index === 0) await operator.open(await visitor.dialogId());
      await visitor.expectMessages(words.talk.slice(0, index + 1));
    }
    await visitor.expectDelivery(words.talk[3], 'read');
  },
  typing: async ({ visitor, operators }) => {
    for (const operator of operators.slice(1)) await operator.open(await visitor.dialogId());
    await operators[0].reply.pressSequentially('Just', { delay: 50 });
    await visitor.log.locator('.y').waitFor();
  },
  files: async ({ page, visitor, operators: [operator], words }) => {
    const shown = (name) => visitor.log.locator(`.fb[aria-label*="${name}"]`);
    await operator.reply.fill('');
    const [wide, tall] = [await drawing(page, 640, 400), await drawing(page, 300, 520)];
    await operator.page.locator('#attach').setInputFiles({ name: words.photo, mimeType: 'image/png', buffer: wide });
    await shown(words.photo).locator('canvas[data-drawn]').waitFor();
    await operator.page.locator('#attach').setInputFiles({ name: words.document, mimeType: 'text/plain', buffer: Buffer.alloc(48_213, 'x') });
    await shown(words.document).waitFor();
    await visitor.dialog.locator('input[type=file]').setInputFiles([
      { name: 'shelf.png', mimeType: 'image/png', buffer: tall },
      { name: words.document, mimeType: 'text/plain', buffer: Buffer.from('12 €') },
    ]);
    await shown('shelf.png').locator('canvas[data-drawn]').waitFor();
    await shown(words.document).nth(1).waitFor();
  },
  uploads: async ({ page, visitor, words }) => {
    const choose = (name, mimeType, buffer) => visitor.dialog.locator('input[type=file]').setInputFiles({ name, mimeType, buffer });
    const row = (at) => visitor.dialog.locator('.fi').nth(at);
    await choose(words.document.replace('.txt', '.html'), 'text/html', Buffer.from('<script>alert(1)</script>'));
    await row(0).and(visitor.dialog.locator('[data-state=failed]')).waitFor();
    await page.route('**/files/**', (route) => (route.request().method() === 'PUT' ? undefined : route.continue()));
    await choose(words.photo, 'image/png', await drawing(page, 640, 400));
    await choose('b.pdf', 'application/pdf', Buffer.alloc(3_400_000));
    await row(2).waitFor();
    // How far it has come is said here: nothing goes anywhere.
    await row(1).locator('progress').evaluate((bar) => (bar.value = 0.6));
  },
  drop: ({ visitor }) =>
    visitor.dialog.evaluate((dialog) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['x'], 'x.txt'));
      dialog.dispatchEvent(new DragEvent('dragover', { bubbles: true, cancelable: true, dataTransfer }));
    }),
  long: async ({ page, visitor, operators: [operator], words }) => {
    await visitor.dialog.dispatchEvent('dragleave');
    while (await visitor.dialog.locator('.fi').count()) await visitor.dialog.locator('.fi button:last-child').first().click();
    await page.unroute('**/files/**');
    await operator.reply.fill('');
    await operator.send(words.long);
    await visitor.send(`${words.long}!`);
    await visitor.field.fill(`${words.talk[0]}\n${words.talk[4]}\n${words.talk[1]}`);
    await visitor.expectDelivery(`${words.long}!`, 'read');
  },
  offline: async ({ page, visitor, words }) => {
    await visitor.field.fill('');
    await page.context().setOffline(true);
    await visitor.send(words.unsent);
    await visitor.dialog.locator('.b button').waitFor({ timeout: 60_000 });
    await visitor.expectDelivery(words.unsent, 'unconfirmed', { timeout: 60_000 });
  },
};

/** Of a site that is closed until tomorrow: a notice, the question for an address, and what stands there when one was left. */
const AWAY = {
  closed: ({ visitor }) => visitor.open(),
  asked: async ({ visitor, words }) => {
    await visitor.send(words.help);
    await visitor.dialog.locator('.u input').waitFor();
  },
  wrong: async ({ visitor }) => {
    await visitor.dialog.locator('.u input').fill('ann');
    await visitor.dialog.locator('.u input').press('Enter');
    await visitor.dialog.getByRole('alert').waitFor();
  },
  left: async ({ visitor }) => {
    await visitor.dialog.locator('.u input').fill('ann.with-a-long-name@department.shop.example');
    await visitor.dialog.locator('.u input').press('Enter');
    await visitor.dialog.locator('.ug').waitFor();
  },
};

/** What operators see: the form, the inbox, and a dialog. */
const DESK = {
  login: ({ page, server }) => page.goto(`${server.url}/console`),
  inbox: async (desk) => {
    await desk.page.goto('about:blank');
    desk.operator = await Operator.logIn(desk.page, desk.server);
    await desk.operator.lines.first().waitFor();
  },
  dialog: async ({ operator, dialogId }) => {
    await operator.open(dialogId);
    await operator.log.locator('canvas[data-drawn]').last().waitFor();
  },
  uploads: async ({ page }) => {
    const choose = (name, mimeType, buffer) => page.locator('#attach').setInputFiles({ name, mimeType, buffer });
    await choose('page.html', 'text/html', Buffer.from('<script>alert(1)</script>'));
    await page.locator('.fi[data-state=failed]').waitFor();
    await page.route('**/files/**', (route) => (route.request().method() === 'PUT' ? undefined : route.continue()));
    await choose('A picture with a rather long name that has to break somewhere.png', 'image/png', await drawing(page, 64, 40));
    await page.locator('.fi').nth(1).locator('progress').evaluate((bar) => (bar.value = 0.6));
  },
};

const DEMO = {
  start: ({ page, server }) => page.goto(`${server.url}/`),
  shop: ({ page, server }) => page.goto(`${server.url}/demo/two`),
  iframe: ({ page, server }) => page.goto(`${server.url}/demo/iframe`),
};

/** A bowl on a table. */
const drawing = (page, width, height) => picture(page, '#e3b48d', { width, height, thing: '#27506b' });

async function run(browser, server, folder, wanted) {
  const host = await Host.start();
  const pictures = [];
  const take = async (page, name) => {
    if (wanted && !name.includes(wanted)) return;
    await page.mouse.move(1, 1);
    await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled', caret: 'hide' });
    pictures.push(name);
  };
  /** Reaches each state of a series, one after the other, and takes its picture; not at all if none of them is wanted. */
  const series = async (states, suffix, prepare, prefix = '') => {
    const named = Object.entries(states).map(([state, reach]) => [`${prefix}${state}-${suffix}`, reach]);
    if (wanted && !named.some(([name]) => name.includes(wanted))) return;
    const scene = await prepare();
    for (const [name, reach] of named) {
      await reach(scene);
      await take(scene.page, name);
    }
    await scene.page.context().close();
  };
  const open = async (options) => {
    const context = await browser.newContext({ locale: 'en-US', reducedMotion: 'reduce', ...options });
    context.setDefaultTimeout(30_000);
    return context.newPage();
  };
  const names = ['Maren', 'Maximiliane Schottenhammel-Wittgenstein', 'Zoë', 'Aleksandr'];
  const operators = [];
  for (const [index, name] of names.entries()) {
    operators.push(await Operator.hire(await open({}), server, { email: `${index}@shop.example`, name }));
  }
  const face = join(folder, 'face.png');
  await writeFile(face, await drawing(operators[0].page, 256, 256));
  await server.command('operator', 'set', '0@shop.example', '--avatar', face, '--data', server.data);
  for (const [locale, words] of Object.entries(WORDS)) {
    const site = { name: locale === 'ar' ? 'خزف الصباح' : 'Morrow Stoneware', origins: [host.url], welcome: words.welcome };
    const [token, closed] = [await addSite(server, site), await addSite(server, site)];
    await close(server, closed, ['--away', words.away]);
    for (const [screen, options] of Object.entries(SCREENS)) {
      for (const colorScheme of ['light', 'dark']) {
        const visit = async (path, of) => {
          const page = await open({ ...options, colorScheme });
          const ground = '<style>:root{color-scheme:light dark;font-family:sans-serif}</style>';
          await page.goto(host.page(path, ground + snippet(server, of, `data-locale="${locale}"`)));
          const visitor = new Visitor(page);
          visitor.launcher = page.locator('button.launcher');
          await visitor.launcher.waitFor();
          return { page, visitor, words, operators };
        };
        await series(STATES, `${screen}-${colorScheme}-${locale}`, () => visit(`/${locale}`, token));
        await series(AWAY, `${screen}-${colorScheme}-${locale}`, () => visit(`/${locale}-closed`, closed), 'away-');
      }
    }
  }
  const talk = await Visitor.visit(await open({}), `${server.url}/demo/one`);
  await talk.send(WORDS.en.talk[0]);
  await talk.dialog.locator('input[type=file]').setInputFiles([
    { name: WORDS.en.photo, mimeType: 'image/png', buffer: await drawing(talk.page, 640, 400) },
    { name: WORDS.en.document, mimeType: 'text/plain', buffer: Buffer.alloc(48_213, 'x') },
  ]);
  await talk.log.locator('.fb').nth(1).waitFor();
  const dialogId = await talk.dialogId();
  for (const [screen, options] of Object.entries(SCREENS)) {
    for (const colorScheme of ['light', 'dark']) {
      const scene = async () => ({ page: await open({ ...options, colorScheme }), server, dialogId });
      await series(DESK, `${screen}-${colorScheme}`, scene, 'console-');
      await series(DEMO, `${screen}-${colorScheme}`, scene, 'demo-');
    }
  }
  for (const [name, color] of Object.entries({ yellow: '#ffd400', white: '#ffffff', black: '#000000', grey: '#777777', pale: '#dfe9f5' })) {
    for (const colorScheme of ['light', 'dark']) {
      const token = await addSite(server, { name: 'Soap & Co', origins: [host.url] });
      const page = await open({ viewport: { width: 520, height: 560 }, colorScheme });
      await page.goto(host.page(`/${name}`, snippet(server, token, `data-color="${color}"`)));
      const visitor = new Visitor(page);
      await visitor.open();
      await visitor.send('Hello, see https://shop.example/soap');
      await visitor.field.fill('More');
      await visitor.expectDelivery('Hello, see https://shop.example/soap', 'sent');
      await take(page, `colour-${name}-${colorScheme}`);
      await page.context().close();
    }
  }
  host.close();
  const figures = pictures.map((name) => `<figure><img src="${name}.png" alt="" loading="lazy"><figcaption>${name}</figcaption></figure>`);
  const style = 'body{font:14px sans-serif;display:flex;flex-wrap:wrap;gap:16px}figure{margin:0}img{height:420px;border:1px solid #ccc}';
  await writeFile(join(folder, 'index.html'), `<!doctype html><meta charset="utf-8"><title>Looks</title><style>${style}</style>${figures.join('\n')}\n`);
  console.log(`${pictures.length} pictures: ${join(folder, 'index.html')}`);
}

/** Takes all pictures, or those whose names have a part. */
export async function looks(folder, wanted) {
  await mkdir(folder, { recursive: true });
  const { launchOptions } = config.projects[0].use;
  const server = await Server.start();
  const browser = await chromium.launch(launchOptions);
  try {
    await run(browser, server, folder, wanted);
  } finally {
    await browser.close();
    await server.dispose();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await looks(join(repository, 'reports/looks'), process.argv[2]);
}
