// Real pages while the network and the server break. What stands in the DOM becomes a history, one JSON line for each
// thing done or seen, and the chaos suite judges it with its checker (tests/src/chaos).
import { appendFileSync } from 'node:fs';
import { test, expect, CONNECTION_TROUBLE, GATE_CLOSED } from './fixtures.mjs';
import { Operator, readLog } from './operator.mjs';
import { Visitor } from './visitor.mjs';

const rounds = Number(process.env.CHAOS_ROUNDS ?? 1);
const UP = ['online', 'online-sse', 'online-long-polling', 'online-polling'];

class History {
  #begun = Date.now();
  #file = process.env.CHAOS_HISTORY;

  tell(who, fact, rest = {}, at = Date.now()) {
    const line = JSON.stringify({ at_us: Math.max(0, at - this.#begun) * 1000, who, fact, ...rest });
    if (this.#file) appendFileSync(this.#file, `${line}\n`);
  }
}

const spoken = { v0: 0, o0: 0 };

/** Says numbered things with hardly a pause, until told to stop; the numbers go on where they ended. */
function talk(history, who, say) {
  let quiet = false;
  const talking = (async () => {
    while (!quiet) {
      spoken[who] += 1;
      const text = `0.${who}.${spoken[who]}`;
      history.tell(who, 'sent', { text });
      await say(text);
      await new Promise((resolve) => setTimeout(resolve, 120));
    }
  })();
  return async () => {
    quiet = true;
    await talking;
  };
}

test('pages lose nothing and show nothing twice while everything breaks @chaos', async ({ page, cable, rejoin, someone, noise }) => {
  noise.allow(CONNECTION_TROUBLE, GATE_CLOSED, /503 \(Service Unavailable\)/);
  const history = new History();
  const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
  history.tell('v0', 'sent', { text: '0.v0.0' });
  await visitor.send('0.v0.0');
  await visitor.expectLink('online');
  await visitor.watchLink();
  const dialog = await visitor.dialogId();
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(dialog);
  const hush = [
    talk(history, 'v0', (text) => visitor.send(text)),
    talk(history, 'o0', (text) => operator.send(text)),
  ];
  const tellLinks = async () => {
    for (const { state, at } of await visitor.linkStates()) {
      history.tell('v0', 'link', { state: UP.includes(state) ? 'Online' : state }, at);
    }
  };
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const during = async (what, harm, heal) => {
    await pause(1_500);
    history.tell('nemesis', 'fault', { what });
    await harm();
    await heal();
    history.tell('nemesis', 'healed', { what });
    await visitor.expectLink(/^online/, { timeout: 20_000 });
  };
  for (let round = 0; round < rounds; round += 1) {
    await during('cut under a page', async () => cable.cut(), async () => {});
    await during('kill under a page', () => rejoin.stop('SIGKILL'), () => rejoin.restart());
    const hole = async () => {
      cable.blackhole(true);
      await pause(5_000);
    };
    await during('hole under a page', hole, async () => cable.blackhole(false));
    // A page that is loaded anew in the middle of its own sending.
    await pause(500);
    history.tell('nemesis', 'fault', { what: 'reload' });
    await hush[0]();
    await tellLinks();
    await page.reload();
    await visitor.launcher.click().catch(() => {});
    await visitor.expectLink(/^online/, { timeout: 20_000 });
    await visitor.watchLink();
    history.tell('nemesis', 'healed', { what: 'reload' });
    hush[0] = talk(history, 'v0', (text) => visitor.send(text));
  }
  for (const stop of hush) await stop();
  await tellLinks();

  // All is whole: every message that was sent must be on both screens and in the log.
  const settled = () =>
    visitor.rows.evaluateAll((rows) => rows.every((row) => !['sending', 'unconfirmed', 'unsaved'].includes(row.dataset.state)));
  await expect.poll(settled, { timeout: 30_000 }).toBe(true);
  // A page that was loaded anew shows the end of a long log, and the rest when it is asked for.
  const older = visitor.dialog.getByRole('button', { name: 'Show older messages' });
  while (await older.isVisible()) {
    const shown = await visitor.rows.count();
    await older.click();
    await expect.poll(() => visitor.rows.count(), { timeout: 30_000 }).toBeGreaterThan(shown);
  }
  const missing = async () => (await operator.texts()).length - (await visitor.texts()).length;
  await expect.poll(missing, { timeout: 30_000 }).toBe(0);
  const log = await readLog(rejoin, dialog);
  const screens = { v0: await visitor.texts(), o0: await operator.texts() };
  const places = new Map(log.map((row) => [row.text, row]));
  const label = (text) => (text.startsWith('0.') ? text : 'garbled:welcome');
  for (const [who, texts] of Object.entries(screens)) {
    const rows = texts.map((text) => ({ seq: places.get(text)?.seq ?? 0, id: places.get(text)?.id ?? `unknown ${text}`, text: label(text) }));
    history.tell(who, 'screen', { dialog, rows, last: true });
  }
  for (const { seq, id, text } of log) history.tell('log', 'logged', { dialog, epoch: 0, seq, id, text: label(text) });
  expect(cable.counts.cut).toBeGreaterThan(0);
  expect(cable.counts.held).toBeGreaterThan(0);
});
