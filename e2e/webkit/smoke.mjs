// Two journeys in WebKit: open the demo, send, get an answer, break and rejoin, reload without a second welcome; and the npm package,
// packed and installed, in a page without a bundler: its widget, and a page of its own over its link.
//
// Prints `ok` and ends with 0, or says what is wrong and ends with 1. `cargo xtask test` runs it.
import assert from 'node:assert/strict';
import { addSite } from '../host.mjs';
import { install, plain } from '../package/build.mjs';
import { Site } from '../package/site.mjs';
import { CuttableProxy } from '../proxy.mjs';
import { Server } from '../server.mjs';
import { WebKit, until } from './browser.mjs';

const WELCOME = 'Hello from the studio!';
const SHOP_WELCOME = 'Welcome to the soap shop.';

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

/** What a page of its own over the link shows, and how many modules it has fetched. */
const LOOK_LINK = `
  return {
    state: document.querySelector('[role=log]').dataset.state,
    texts: [...document.querySelectorAll('[role=log] li')].map((row) => row.textContent),
    unsettled: document.querySelectorAll('li[data-delivery=sending], li[data-delivery=unconfirmed]').length,
    dialogId: Number(localStorage.getItem(Object.keys(localStorage).find((name) => /^rejoin:.*:dialog$/.test(name)) ?? '')),
    modules: performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.wasm')).length,
  };`;

class Page {
  constructor(driver, welcome = WELCOME) {
    this.driver = driver;
    this.welcome = welcome;
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
      /^online/.test(state) && unsettled === 0 && shown[0]?.includes(this.welcome) && JSON.stringify(shown.slice(1)) === JSON.stringify(texts));
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

/** A page of its own making over the headless link. */
class LinkPage extends Page {
  look() {
    return this.driver.executeScript(LOOK_LINK);
  }

  async send(text) {
    await this.driver.findElement({ css: 'input' }).sendKeys(text, '\uE007');
  }
}

async function answer(server, operator, dialogId, text) {
  const response = await fetch(`${server.url}/api/dialogs/${dialogId}/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${operator}`, 'content-type': 'application/json' },
    body: JSON.stringify({ text }),
  });
  assert.equal(response.status, 201);
}

async function readTexts(server, operator, dialogId) {
  const response = await fetch(`${server.url}/api/dialogs/${dialogId}/messages`, {
    headers: { authorization: `Bearer ${operator}` },
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
  const operator = await server.operatorToken();
  await answer(server, operator, dialogId, 'Hello from the desk');
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
  const [welcome, ...texts] = await readTexts(server, operator, dialogId);
  assert.ok(welcome.includes(WELCOME));
  assert.deepEqual(texts, told);
}

async function packaged(server, site, driver) {
  const token = await addSite(server, { origins: [site.url], welcome: SHOP_WELCOME });
  const told = ['Out of a package'];
  const widget = new Page(driver, SHOP_WELCOME);
  await driver.get(site.page('plain/chat.html', { rejoin: server, token }));
  await widget.open();
  await widget.send(told[0]);
  await widget.showsTalk(told);

  // The same visitor, over the link without a user interface.
  const page = new LinkPage(driver, SHOP_WELCOME);
  await driver.get(site.page('plain/link.html', { rejoin: server, token }));
  await page.showsTalk(told);
  const { dialogId, modules } = await page.look();
  assert.equal(modules, 1, 'one WebAssembly module');
  await server.command('operator', 'add', 'ann@soap.example', '--name', 'Ann', '--data', server.data);
  const operator = await server.command('operator', 'token', 'ann@soap.example', '--data', server.data);
  await answer(server, operator, dialogId, 'From the desk');
  told.push('From the desk');
  await page.showsTalk(told);
  await server.restart('SIGKILL');
  told.push('After the restart');
  await page.send(told.at(-1));
  await page.showsTalk(told);
  assert.deepEqual((await readTexts(server, operator, dialogId)).slice(1), told);
}

await install();
await plain();
const site = await Site.start();
const cable = await CuttableProxy.start();
const server = await Server.start({ args: ['--server', cable.url] });
cable.lead(server.url);
let webkit;
try {
  webkit = await WebKit.start();
  await journey(server, cable, new Page(webkit.driver));
  await packaged(server, site, webkit.driver);
  await server.stop();
  assert.deepEqual(server.complaints(), [], 'complaints of the server');
  console.log(`ok: a talk in WebKit (${webkit.version}) survives cuts, a restart and a reload; so does one out of the package`);
} catch (error) {
  console.error(error);
  console.error(server.log());
  process.exitCode = 1;
} finally {
  await webkit?.dispose();
  site.close();
  cable.close();
  await server.dispose();
}
