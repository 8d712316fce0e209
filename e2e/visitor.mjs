// What a visitor sees and does; for pages with a launcher, and for the inside of a frame.
import { expect } from '@playwright/test';

const ONLINE = ['online', 'online-sse', 'online-long-polling', 'online-polling'];

export class Visitor {
  /** `page` may be a frame locator. */
  constructor(page) {
    this.page = page;
    this.launcher = page.getByRole('button', { name: /^Open chat/ });
    this.dialog = page.getByRole('dialog');
    this.log = this.dialog.getByRole('log');
    // An address may be asked for beside it.
    this.field = this.dialog.locator('textarea');
    this.banner = this.dialog.getByRole('status').first();
    this.rows = this.log.locator('.m');
    this.bubbles = this.rows.locator('.t');
  }

  /** Opens a page and the panel on it, and waits until the site has said its welcome. */
  static async visit(page, address) {
    const visitor = new Visitor(page);
    await page.goto(address);
    await visitor.open();
    return visitor;
  }

  async open() {
    await this.launcher.click();
    await expect(this.bubbles.first()).toBeVisible();
  }

  async send(text) {
    await this.field.fill(text);
    await this.field.press('Enter');
  }

  /** All texts on the screen, oldest first. */
  texts() {
    return this.bubbles.allTextContents();
  }

  /** The row of a message. */
  message(text) {
    return this.rows.filter({ has: this.page.locator('.t').getByText(text, { exact: true }) });
  }

  /** Waits until exactly these messages follow the welcome. */
  async expectMessages(texts, options) {
    await expect.poll(async () => (await this.texts()).slice(1), options).toEqual(texts);
  }

  /** Waits until the link is in one of these states. */
  async expectLink(state, options) {
    if (state === 'online') return this.#expectSocket(options);
    await expect(this.dialog).toHaveAttribute('data-state', state, options);
  }

  /**
   * Waits for a WebSocket. Where a machine was too slow for the first one, the page has got a stream; told that the network has
   * changed, it tries again.
   */
  async #expectSocket(options) {
    const look = async () => {
      const state = await this.dialog.getAttribute('data-state');
      if (state?.startsWith('online-')) await this.dialog.evaluate(() => dispatchEvent(new Event('online')));
      return state;
    };
    await expect.poll(look, options).toBe('online');
  }

  /** Begins to write down, within the page, each state of the link and when it came. */
  async watchLink() {
    await this.dialog.evaluate((dialog) => {
      const states = [{ state: dialog.dataset.state, at: Date.now() }];
      globalThis.linkStates = states;
      new MutationObserver(() => {
        const { state } = dialog.dataset;
        if (states.at(-1).state !== state) states.push({ state, at: Date.now() });
      }).observe(dialog, { attributes: true, attributeFilter: ['data-state'] });
    });
  }

  /** The states of the link since `watchLink`, and when they came: `[{state, at}, …]`. */
  linkStates() {
    return this.page.evaluate(() => globalThis.linkStates);
  }

  /** Waits until the link has broken after a moment; gives how many ms later that was. */
  async broken(since, options) {
    return (await this.#stateAfter(since, ['reconnecting', 'offline'], options)) - since;
  }

  /** Waits until the link has broken after a moment and is back; gives how many ms after that moment it was. */
  async rejoined(since, options) {
    const brokenAt = since + (await this.broken(since, options));
    return (await this.#stateAfter(brokenAt, ONLINE, options)) - since;
  }

  /** Waits until the link is up at or after a moment, whatever came before; gives how many ms after that moment it was. */
  async online(since, options) {
    return (await this.#stateAfter(since, ONLINE, options)) - since;
  }

  async #stateAfter(since, wanted, options) {
    let found;
    const look = async () => {
      const states = await this.linkStates();
      found = states.find(({ state, at }) => at >= since && wanted.includes(state));
      return found !== undefined;
    };
    await expect.poll(look, { message: `the link becomes ${wanted.join(' or ')}`, ...options }).toBe(true);
    return found.at;
  }

  /** Waits until a message has come so far: sending, sent, delivered, read. */
  async expectDelivery(text, state, options) {
    await expect(this.message(text)).toHaveAttribute('data-state', state, options);
  }

  /** The number of the dialog, once there is one. */
  async dialogId() {
    let id;
    const find = () => {
      const name = Object.keys(localStorage).find((key) => /^rejoin:.*:dialog$/.test(key));
      return name ? Number(localStorage.getItem(name)) : 0;
    };
    await expect.poll(async () => (id = await this.page.evaluate(find))).toBeGreaterThan(0);
    return id;
  }
}

/** Goes back in the page's history; the page may be gone before it could answer, so it goes a moment later. */
export async function goBack(page) {
  await page.evaluate(() => {
    setTimeout(() => history.back(), 0);
  });
}

/** `count` texts that can be told apart: `label 1`, `label 2`, … */
export function numbered(label, count) {
  return Array.from({ length: count }, (_, index) => `${label} ${index + 1}`);
}
