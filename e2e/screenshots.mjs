// `npm run screenshots`: takes the pictures in docs/images with the real server and a real browser.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import config from '../playwright.config.mjs';
import { Operator } from './operator.mjs';
import { Server, repository } from './server.mjs';
import { Visitor } from './visitor.mjs';

const images = join(repository, 'docs/images');
const desktop = { viewport: { width: 1280, height: 880 } };

/** The talks on the pictures, each begun by the visitor, who takes turns with the operator. */
const PICTURES = [
  {
    name: 'widget-arabic',
    options: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
    locale: 'ar',
    talk: [
      'مرحبًا! هل ما زال الوعاء الأزرق متوفرًا؟',
      'أهلًا بك، بقي واحد فقط. هل أحجزه لك؟',
      'نعم من فضلك، ورقم الطلب هو 4711',
      'تم الحجز، وسينتظرك حتى يوم الجمعة.',
      'شكرًا جزيلًا!',
    ],
  },
  {
    name: 'widget-phone',
    options: { viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true },
    talk: [
      'Hi, my bowl from October has not arrived yet.',
      'Sorry about that! It left the kiln on Monday and goes out tomorrow, wrapped in a lot of straw.',
      'Great, thank you',
      'It has turned out well, by the way: the glaze ran just to the foot.',
      'Now I am curious!',
    ],
  },
  {
    name: 'widget-dark',
    options: { ...desktop, colorScheme: 'dark' },
    talk: [
      'Can the slow mug go into the dishwasher?',
      'It can. The milk glaze stays prettier by hand, though.',
      'And the microwave?',
      'That is fine, too. Only the raw clay of the vase likes neither.',
      'Good to know. I take two!',
    ],
  },
  {
    name: 'widget',
    options: desktop,
    talk: [
      'Hello! Is there still a place in the course for beginners in December?',
      'Hi, there is: one place on Saturday the 12th, ten to one.',
      'Lovely. Do I have to bring anything?',
      'Only clothes that may get dirty. Clay, tools and tea are ours. Shall I keep the place for you?',
      'Yes, please!',
    ],
  },
];

async function hold(talk, visitor, operator) {
  for (const [index, text] of talk.entries()) {
    await (index % 2 === 0 ? visitor : operator).send(text);
    if (index === 0) await operator.open(await visitor.dialogId());
    await visitor.expectMessages(talk.slice(0, index + 1));
    await operator.expectMessages(talk.slice(0, index + 1));
  }
  await visitor.expectDelivery(talk.at(-1), 'read');
}

async function take(page, name) {
  await page.mouse.move(1, 1);
  await page.screenshot({ path: join(images, `${name}.png`), animations: 'disabled', caret: 'hide' });
  console.log(`docs/images/${name}.png`);
}

async function run(browser, server) {
  const openPage = async (options) => {
    const context = await browser.newContext({ locale: 'en-US', reducedMotion: 'reduce', ...options });
    return context.newPage();
  };
  const desk = await openPage(desktop);
  const operator = await Operator.hire(desk, server, {
    email: 'maren@morrow.example',
    name: 'Maren',
    sites: ['st_demo', 'st_demo_b', 'st_demo_c'],
  });

  // Two more in the console's list.
  for (const [path, text] of [
    ['/demo/three', 'Will poppies grow on clay?'],
    ['/demo/two', 'Which light fits a cargo bike?'],
  ]) {
    const other = await Visitor.visit(await openPage({}), server.url + path);
    await other.send(text);
    await other.expectDelivery(text, 'sent');
  }

  for (const { name, options, locale, talk } of PICTURES) {
    const page = await openPage(options);
    await page.goto(`${server.url}/demo/one`);
    if (locale) await page.evaluate((spoken) => rejoin('locale', spoken), locale);
    const visitor = new Visitor(page);
    visitor.launcher = page.locator('button.launcher');
    await visitor.open();
    await hold(talk, visitor, operator);
    await take(page, name);
    // The console's picture is of a dialog whose visitor is there.
    if (name === 'widget') await take(desk, 'console');
    await page.context().close();
  }
}

await mkdir(images, { recursive: true });
const { launchOptions } = config.projects[0].use;
const server = await Server.start();
const browser = await chromium.launch(launchOptions);
try {
  await run(browser, server);
} finally {
  await browser.close();
  await server.dispose();
}
