// From the Enter key on one side to the screen of the other.
import { test, expect } from './fixtures.mjs';
import { Operator } from './operator.mjs';
import { percentile, print } from './times.mjs';
import { Visitor, numbered } from './visitor.mjs';

/** On the sender's page: notes, for each text, when Enter was pressed. */
async function noteSending(field) {
  await field.evaluate((element) => {
    globalThis.sentAt = {};
    element.addEventListener(
      'keydown',
      (event) => {
        if (event.key === 'Enter') globalThis.sentAt[element.value] = performance.timeOrigin + event.timeStamp;
      },
      { capture: true },
    );
  });
}

/** On the receiver's page: notes, for each text, when the frame that shows it was painted. */
async function noteShowing(log, selector) {
  await log.evaluate((element, selector) => {
    globalThis.shownAt = {};
    const look = () => {
      const fresh = [...element.querySelectorAll(selector)].map((node) => node.textContent).filter((text) => !(text in globalThis.shownAt));
      for (const text of fresh) globalThis.shownAt[text] = Infinity;
      requestAnimationFrame(() => {
        const now = performance.timeOrigin + performance.now();
        for (const text of fresh) globalThis.shownAt[text] = now;
      });
    };
    new MutationObserver(look).observe(element, { childList: true, subtree: true, characterData: true });
  }, selector);
}

async function measure(from, to, texts, send) {
  for (const text of texts) {
    await send(text);
    await expect.poll(() => to.evaluate((text) => globalThis.shownAt[text] ?? Infinity, text), { intervals: [10] }).toBeLessThan(Infinity);
  }
  const sentAt = await from.evaluate(() => globalThis.sentAt);
  const shownAt = await to.evaluate(() => globalThis.shownAt);
  return texts.map((text) => shownAt[text] - sentAt[text]);
}

test('a message is on the other side’s screen within a tenth of a second', async ({ page, rejoin, someone }, testInfo) => {
  test.slow();
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectLink('online');
  const operator = await Operator.logIn(await someone(), rejoin);
  await operator.open(await visitor.dialogId());
  await operator.expectMessages(['Hello']);

  await noteSending(visitor.field);
  await noteShowing(operator.log, '.text');
  const up = await measure(page, operator.page, numbered('question', 100), (text) => visitor.send(text));
  print(testInfo, 'from the visitor to the operator’s screen', up);

  await noteSending(operator.reply);
  await noteShowing(visitor.log, '.t');
  const down = await measure(operator.page, page, numbered('answer', 100), (text) => operator.send(text));
  print(testInfo, 'from the operator to the visitor’s screen', down);

  // Half of them within ten times the promise: other tests run beside this one, and machines differ.
  expect(percentile(up, 50)).toBeLessThan(1_000);
  expect(percentile(down, 50)).toBeLessThan(1_000);
});
