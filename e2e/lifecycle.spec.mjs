// A page is hidden, frozen, put aside, loaded again, opened twice, taken off the network: nothing is lost, nothing doubled,
// and a text that was not sent yet is still there.
import { chromium } from '@playwright/test';
import { FreezablePage } from './devtools.mjs';
import { test, expect, CONNECTION_TROUBLE } from './fixtures.mjs';
import { Visitor, goBack, numbered } from './visitor.mjs';

const FATES = ['hidden', 'frozen', 'left', 'reloaded', 'doubled', 'offline', 'cut'];

/** Draws numbers from a seed, so that a run can be repeated. */
function dice(seed) {
  let state = seed >>> 0;
  return (sides) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
}

/** The desk and the truth: answers by HTTP, and the log as it grows. */
class Desk {
  log = [];
  #url;
  #headers;

  static async of(rejoin, dialogId) {
    const desk = new Desk();
    desk.#url = `${rejoin.url}/api/dialogs/${dialogId}/messages`;
    desk.#headers = { authorization: `Bearer ${await rejoin.operatorToken()}`, 'content-type': 'application/json' };
    return desk;
  }

  async answer(text) {
    const response = await fetch(this.#url, { method: 'POST', headers: this.#headers, body: JSON.stringify({ text }) });
    expect(response.status).toBe(201);
  }

  /** The texts of the log after the welcome. */
  async texts() {
    const { messages } = await (await fetch(`${this.#url}?after=${this.log.length}`, { headers: this.#headers })).json();
    this.log.push(...messages);
    expect(this.log.map(({ seq }) => seq)).toEqual(this.log.map((_, index) => index + 1));
    return this.log.slice(1).map(({ text }) => text);
  }
}

/** Tells a page that it is hidden, or seen again: browsers under test always show their pages. */
async function hide(page, isHidden) {
  await page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => state });
    document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
  }, isHidden ? 'hidden' : 'visible');
}

/** Lets a fate befall the page, with `meanwhile` in the middle of it. */
async function befall(fate, { visitor, context, cable, browserName }, meanwhile) {
  const { page } = visitor;
  if (fate === 'hidden' || fate === 'frozen') {
    await hide(page, true);
    if (fate === 'frozen') await page.evaluate(() => document.dispatchEvent(new Event('freeze')));
    await meanwhile();
    if (fate === 'frozen') await page.evaluate(() => document.dispatchEvent(new Event('resume')));
    await hide(page, false);
  } else if (fate === 'left') {
    await page.goto(`${cable.url}/demo/two`);
    await meanwhile();
    await goBack(page);
    await page.waitForURL('**/demo/one');
    // Playwright's locators do not find their way back into a page that Firefox has kept.
    if (browserName === 'firefox') await page.reload();
  } else if (fate === 'reloaded') {
    await page.reload();
    await meanwhile();
  } else if (fate === 'doubled') {
    const other = await Visitor.visit(await context.newPage(), `${cable.url}/demo/one`);
    await meanwhile(other);
    await other.page.close();
    // What the other tab sent was its own; the text that waits in this one is not gone.
    await page.reload();
  } else if (fate === 'offline') {
    await context.setOffline(true);
    cable.blackhole(true);
    await meanwhile();
    await context.setOffline(false);
    cable.blackhole(false);
  } else if (fate === 'cut') {
    cable.cut();
    await meanwhile();
  }
  if (!(await visitor.dialog.isVisible())) await visitor.open();
}

for (const { rounds, tag = [] } of [{ rounds: 14 }, { rounds: Number(process.env.REJOIN_ROUNDS ?? 1_000), tag: '@long' }]) {
  test(`${rounds} times something befalls the page, and nothing is lost or doubled`, { tag }, async ({
    page,
    context,
    cable,
    rejoin,
    noise,
    browserName,
  }, testInfo) => {
    test.setTimeout(60_000 + rounds * 10_000);
    // A page that is still being loaded when it is cut off, or left, says that it could not load.
    noise.allow(CONNECTION_TROUBLE, /^\[rejoin\] offline/);
    const seed = Number(process.env.REJOIN_SEED ?? Date.now() % 1_000_000);
    testInfo.annotations.push({ type: 'seed', description: `REJOIN_SEED=${seed}` });
    const draw = dice(seed);
    const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
    await visitor.send('Hello');
    await visitor.expectLink('online');
    const desk = await Desk.of(rejoin, await visitor.dialogId());
    const [asked, answered] = [['Hello'], []];
    const counts = {};
    for (let round = 1; round <= rounds; round += 1) {
      // Each in turn at first, then as they fall.
      const fate = round <= FATES.length ? FATES[round - 1] : FATES[draw(FATES.length)];
      counts[fate] = (counts[fate] ?? 0) + 1;
      const place = `seed ${seed}, round ${round}, ${fate}`;
      // At once before it, sometimes, with no time for an answer.
      if (draw(2) === 0) {
        asked.push(`question ${asked.length}`);
        await visitor.send(asked.at(-1));
      }
      const draft = `not sent in round ${round}`;
      await visitor.field.fill(draft);
      await befall(fate, { visitor, context, cable, browserName }, async (other) => {
        answered.push(`answer ${answered.length + 1}`);
        await desk.answer(answered.at(-1));
        if (!other) return;
        asked.push(`question ${asked.length}`);
        await other.send(asked.at(-1));
        await other.expectDelivery(asked.at(-1), /sent|delivered|read/);
      });
      await expect(visitor.field, place).toHaveValue(draft);
      if (draw(2) === 0) {
        asked.push(`question ${asked.length}`);
        await visitor.send(asked.at(-1));
      }
      const count = asked.length + answered.length;
      await expect.poll(async () => (await desk.texts()).length, { message: place, timeout: 45_000 }).toBe(count);
      const all = desk.log.map(({ text }) => text);
      expect(all.filter((text) => /^(Hello$|question)/.test(text)), place).toEqual(asked);
      expect(all.filter((text) => text.startsWith('answer')), place).toEqual(answered);
      // A page that was loaded again shows the end of the log.
      const shown = async () => {
        const texts = await visitor.texts();
        return texts.length >= Math.min(all.length, 50) ? texts : [];
      };
      await expect
        .poll(async () => {
          const texts = await shown();
          return texts.length > 0 && JSON.stringify(texts) === JSON.stringify(all.slice(all.length - texts.length));
        }, { message: `${place}: the page shows the end of the log`, timeout: 45_000 })
        .toBe(true);
      if (round % 100 === 0) console.log(`${browserName}, seed ${seed}: ${round} rounds, ${all.length} messages`);
    }
    console.log(`${browserName}, seed ${seed}: ${JSON.stringify(counts)}`);
  });
}

test('a hundred wakes in a row leave one link, and the same one', async ({ page, cable, rejoin: _ }) => {
  const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectDelivery('Hello', 'sent');
  await visitor.expectLink('online');
  await visitor.watchLink();
  const { accepted } = cable.counts;
  await page.evaluate(() => {
    for (let round = 0; round < 100; round += 1) {
      document.dispatchEvent(new Event('visibilitychange', { bubbles: true }));
      dispatchEvent(new Event('focus'));
      dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }));
      document.dispatchEvent(new Event('resume'));
      dispatchEvent(new Event('online'));
    }
  });
  await visitor.send('Still the same');
  await visitor.expectDelivery('Still the same', 'sent');
  expect((await visitor.linkStates()).map(({ state }) => state)).toEqual(['online']);
  expect(cable.openWebSockets).toBe(1);
  expect(cable.counts.accepted).toBe(accepted);
});

test('a page that the browser freezes lets go of its link, and takes it up again when it thaws', async ({
  rejoin,
  browserName,
  launchOptions,
}) => {
  test.skip(browserName !== 'chromium', 'only Chromium freezes pages');
  test.slow();
  const path = launchOptions.executablePath ?? chromium.executablePath();
  const page = await FreezablePage.open(path, launchOptions.args, `${rejoin.url}/demo/one`);
  try {
    const links = async () => (await (await fetch(`${rejoin.url}/health/websocket`)).json()).active_site_connections;
    await expect.poll(() => page.evaluate(`typeof rejoin`)).toBe('function');
    await page.evaluate(`globalThis.heard = []; for (const name of ['freeze', 'resume']) document.addEventListener(name, () => heard.push(name)); rejoin('open')`);
    await page.evaluate(`rejoin('send', 'Before the ice')`);
    await expect.poll(links).toBe(1);
    const dialogId = await page.evaluate(`Number(localStorage.getItem('rejoin:st_demo:dialog'))`);
    const desk = await Desk.of(rejoin, dialogId);
    const told = ['Before the ice'];
    for (const text of numbered('Into the ice', 5)) {
      await page.freeze(true);
      await expect.poll(links, { message: 'links of a frozen page' }).toBe(0);
      await desk.answer(text);
      told.push(text);
      await page.freeze(false);
      await expect.poll(links, { message: 'links of a page that thaws' }).toBe(1);
      const shown = `[...document.querySelectorAll('*')].map((element) => element.shadowRoot).find(Boolean).querySelectorAll('[role=log] .m .t')`;
      await expect.poll(() => page.evaluate(`[...${shown}].map((element) => element.textContent).slice(1)`)).toEqual(told);
    }
    expect(await page.evaluate('heard.join()')).toBe(Array(5).fill('freeze,resume').join());
    expect(await desk.texts()).toEqual(told);
  } finally {
    await page.close();
  }
});
