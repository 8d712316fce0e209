// A link that nothing breaks stays as it is.
import { test, expect } from './fixtures.mjs';
import { Operator, expectLog } from './operator.mjs';
import { Visitor } from './visitor.mjs';

const MINUTE_MS = 60_000;

test('two links live for a minute without a break, a reset or a reconnect', async ({ page, cable, rejoin, someone }) => {
  test.setTimeout(2 * MINUTE_MS);
  const start = Date.now();
  const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectLink('online');
  await visitor.watchLink();
  const dialogId = await visitor.dialogId();
  const operator = await Operator.logIn(await someone(), rejoin, cable.url);
  await operator.open(dialogId);
  const sockets = cable.openWebSockets;

  // Long enough for idle spells with heartbeats, and for a message after each of them.
  const texts = ['Hello'];
  for (const until of [25_000, 50_000, MINUTE_MS]) {
    await expect.poll(() => Date.now() - start, { timeout: MINUTE_MS, intervals: [1_000] }).toBeGreaterThan(until);
    texts.push(`Still here after ${until} ms`);
    await visitor.send(texts.at(-1));
    await operator.expectMessages(texts);
  }
  expect((await visitor.linkStates()).map(({ state }) => state)).toEqual(['online']);
  expect(cable.openWebSockets).toBe(sockets);
  await expectLog(rejoin, dialogId, texts);
});
