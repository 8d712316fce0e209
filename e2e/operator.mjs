// What an operator sees and does in the console.
import { expect } from '@playwright/test';

export class Operator {
  constructor(page) {
    this.page = page;
    this.list = page.getByRole('navigation', { name: 'Dialogs' });
    this.lines = this.list.getByRole('link');
    this.log = page.getByRole('log', { name: 'Conversation' });
    this.messages = this.log.getByRole('article');
    this.reply = page.getByRole('textbox', { name: 'Reply' });
    this.link = page.locator('#link');
  }

  /** Logs the demo's operator in, over `base`. */
  static async logIn(page, rejoin, base = rejoin.url) {
    const operator = new Operator(page);
    await page.goto(`${base}/console#token=${await rejoin.operatorToken()}`);
    await expect(page.getByRole('heading', { name: 'Inbox' })).toBeVisible();
    return operator;
  }

  /** Makes an operator, for these sites or for all, and logs in at the form with the password that the command line printed. */
  static async hire(page, rejoin, { email, name, sites = [] }) {
    const only = sites.flatMap((token) => ['--site', token]);
    const printed = await rejoin.command('operator', 'add', email, '--name', name, ...only, '--data', rejoin.data);
    const operator = new Operator(page);
    await page.goto(`${rejoin.url}/console`);
    await page.getByLabel('E-mail address').fill(email);
    await page.getByLabel('Password').fill(/^password: (\S+)$/m.exec(printed)[1]);
    await page.getByRole('button', { name: 'Log in' }).click();
    await expect(page.getByRole('heading', { name: 'Inbox' })).toBeVisible();
    return operator;
  }

  /** Opens a dialog from the list, and waits until its link is there. */
  async open(dialogId) {
    await this.lines.filter({ hasText: `Visitor ${dialogId}` }).click();
    await this.expectOnline();
  }

  async expectOnline(options) {
    await expect(this.link).toHaveAttribute('data-state', /^online/, options);
  }

  async send(text) {
    await this.reply.fill(text);
    await this.reply.press('Enter');
  }

  /** All texts on the screen, oldest first. */
  texts() {
    return this.messages.locator('.text').allTextContents();
  }

  /** Waits until exactly these messages follow the welcome. */
  async expectMessages(texts, options) {
    await expect.poll(async () => (await this.texts()).slice(1), options).toEqual(texts);
  }
}

/** The log of a dialog as the server keeps it, by HTTP: `[{seq, id, text, author}, …]`. */
export async function readLog(rejoin, dialogId) {
  const token = await rejoin.operatorToken();
  const events = [];
  for (;;) {
    const after = events.at(-1)?.seq ?? 0;
    const response = await fetch(`${rejoin.url}/api/dialogs/${dialogId}/messages?after=${after}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(response.status).toBe(200);
    const page = await response.json();
    const more = page.messages;
    if (more.length === 0) return events;
    events.push(...more);
  }
}

/** Expects the log to be the welcome and then these texts, numbered without a hole. */
export async function expectLog(rejoin, dialogId, texts) {
  const log = await readLog(rejoin, dialogId);
  expect(log.map(({ seq }) => seq)).toEqual(log.map((_, index) => index + 1));
  expect(log[0].id).toBe('welcome');
  expect(log.slice(1).map(({ text }) => text)).toEqual(texts);
}
