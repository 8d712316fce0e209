// One journey in WebKit: open the demo, send, get an answer, break and rejoin, reload without a second welcome.
//
// Prints `ok` and ends with 0, or says what is wrong and ends with 1. `cargo xtask test` runs it.
import assert from 'node:assert/strict';
import { CuttableProxy } from '../proxy.mjs';
import { Server } from '../server.mjs';
import { WebKit, until } from './browser.mjs';

const WELCOME = 'Hello from the studio!';

/** What the page shows: the state of the link, the texts, and how far the own messages have come. */
const LOOK = `
  const root = [...document.querySelectorAll('*')].map((element) => element.shadowRoot).find(Boolean);
  const dialog = root?.querySelector('[role=dialog]');
  return {
    state: dialog?.dataset.state,
    texts: [...(root?.querySelectorAll('[role=log] .m .t') ?? [])].map((element) => element.textContent),
    unsettled: [...(root?.querySelectorAll('[role=log] .m') ?? [])].filter((row) => ['sending', 'unconfirmed'].includes(row.dataset.state)).length,
    dialogId: Number(localStorage.getItem(Object.keys(localStorage).find((name) => /^rejoin:.*:dialog$/.test(name)) ?? '')),
  };`;

class Page {
  constructor(driver) {
    this.driver = driver;
  }

  look() {
    return this.driver.executeScript(LOOK);
  }

  /** Waits for what the page shows to be so. */
  async shows(what, test) {
    let last;
    try {
      return await until(what, async () => test((last = await this.look())));
    } catch {
      throw new Error(`the page does not show ${what}: ${JSON.stringify(last)}`);
    }
  }

  /** Waits until exactly these messages follow the one welcome, settled, over a link. */
  async showsTalk(texts) {
    await this.shows(`${texts.length} messages after one welcome, online`, ({ state, texts: shown, unsettled }) =>
      /^online/.test(state) && unsettled === 0 && shown[0]?.includes(WELCOME) && JSON.stringify(shown.slice(1)) === JSON.stringify(texts));
  }

  async #inRoot(selector) {
    return this.driver.executeScript(
      `const root = [...document.querySelectorAll('*')].map((element) => element.shadowRoot).find(Boolean); return root?.querySelector(arguments[0]) ?? null;`,
      selector,
    );
  }

  async open() {
    await until('the launcher is there', async () => {
      await (await this.#inRoot('button[aria-expanded]')).click();
      return true;
    });
    await this.shows('the welcome', ({ texts }) => texts.length > 0);
  }

  async send(text) {
    await (await this.#inRoot('textarea')).sendKeys(text, '\uE007');
  }
}

async function answer(server, dialogId, text) {
  const response = await fetch(`${server.url}/api/dialogs/${dialogId}/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await server.operatorToken()}`, 'content-type': 'application/json' },
    body: JSON.stringify({ text }),
  });
  assert.equal(response.status, 201);
}

async function readTexts(server, dialogId) {
  const response = await fetch(`${server.url}/api/dialogs/${dialogId}/messages`, {
    headers: { authorization: `Bearer ${await server.operatorToken()}` },
  });
  return (await response.json()).messages.map(({ text }) => text);
}

async function journey(server, cable, page) {
  await page.driver.get(`${cable.url}/demo/one`);
  await page.open();
  assert.deepEqual((await page.look()).texts.length, 1, 'one welcome before the first message');
  await page.send('Hello from WebKit');
  await page.showsTalk(['Hello from WebKit']);
  const { dialogId } = await page.look();
  await answer(server, dialogId, 'Hello from the desk');
  await page.showsTalk(['Hello from WebKit', 'Hello from the desk']);

  const told = ['Hello from WebKit', 'Hello from the desk'];
  for (let round = 1; round <= 3; round += 1) {
    assert.ok(cable.cut() > 0, 'there was a link to cut');
    told.push(`After cut ${round}`);
    await page.send(told.at(-1));
    await page.showsTalk(told);
  }
  await server.restart('SIGKILL');
  told.push('After the restart');
  await page.send(told.at(-1));
  await page.showsTalk(told);

  await page.driver.navigate().refresh();
  await page.open();
  await page.showsTalk(told);
  const [welcome, ...texts] = await readTexts(server, dialogId);
  assert.ok(welcome.includes(WELCOME));
  assert.deepEqual(texts, told);
}

const cable = await CuttableProxy.start();
const server = await Server.start({ args: ['--server', cable.url] });
cable.lead(server.url);
let webkit;
try {
  webkit = await WebKit.start();
  await journey(server, cable, new Page(webkit.driver));
  await server.stop();
  assert.deepEqual(server.complaints(), [], 'complaints of the server');
  console.log(`ok: a talk in WebKit (${webkit.version}) survives cuts, a restart and a reload`);
} catch (error) {
  console.error(error);
  console.error(server.log());
  process.exitCode = 1;
} finally {
  await webkit?.dispose();
  cable.close();
  await server.dispose();
}
