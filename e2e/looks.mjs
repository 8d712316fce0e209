// Looks at the widget in every state: `node e2e/looks.mjs [FOLDER]` takes a picture of each, and writes a page with all of them. Nothing is
// compared: people look at them. The pictures for the README and the docs are taken by e2e/screenshots.mjs.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from '@playwright/test';
import config from '../playwright.config.mjs';
import { Host, addSite, snippet } from './host.mjs';
import { Operator } from './operator.mjs';
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
  long: async ({ visitor, operators: [operator], words }) => {
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

async function run(browser, server, folder, wanted) {
  const host = await Host.start();
  const pictures = [];
  const take = async (page, name) => {
    if (wanted && !name.includes(wanted)) return;
    await page.mouse.move(1, 1);
    await page.screenshot({ path: join(folder, `${name}.png`), animations: 'disabled', caret: 'hide' });
    pictures.push(name);
  };
  const open = async (options) => (await browser.newContext({ locale: 'en-US', reducedMotion: 'reduce', ...options })).newPage();
  const names = ['Maren', 'Maximiliane Schottenhammel-Wittgenstein', 'Zoë', 'Aleksandr'];
  const operators = [];
  for (const [index, name] of names.entries()) {
    operators.push(await Operator.hire(await open({}), server, { email: `${index}@shop.example`, name }));
  }
  for (const [locale, words] of Object.entries(WORDS)) {
    const token = await addSite(server, { name: locale === 'ar' ? 'خزف الصباح' : 'Morrow Stoneware', origins: [host.url], welcome: words.welcome });
    for (const [screen, options] of Object.entries(SCREENS)) {
      for (const colorScheme of ['light', 'dark']) {
        const page = await open({ ...options, colorScheme });
        const ground = '<style>:root{color-scheme:light dark;font-family:sans-serif}</style>';
        await page.goto(host.page(`/${locale}`, ground + snippet(server, token, `data-locale="${locale}"`)));
        const visitor = new Visitor(page);
        visitor.launcher = page.locator('button.launcher');
        await visitor.launcher.waitFor();
        for (const [state, reach] of Object.entries(STATES)) {
          await reach({ page, visitor, words, operators });
          await take(page, `${state}-${screen}-${colorScheme}-${locale}`);
        }
        await page.context().close();
      }
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
