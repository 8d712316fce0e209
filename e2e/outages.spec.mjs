// The server is really gone for a while: nothing listens at its port. Then it is there again, and so are the pages, soon.
import { test, expect, CONNECTION_TROUBLE } from './fixtures.mjs';
import { expectLog } from './operator.mjs';
import { percentile, print } from './times.mjs';
import { Visitor, numbered } from './visitor.mjs';

/** How long the server is away, in s; how many pages wait for it; and how soon 99 of 100 are back after it, in ms. */
const USUAL = { pages: 3, rounds: 1, backMs: 15_000 };
const LONG = { pages: 8, rounds: 3, backMs: 1_500 };
const OUTAGES = [
  { seconds: 1, ...USUAL },
  { seconds: 10, ...USUAL },
  { seconds: 1, ...LONG, tag: '@long' },
  { seconds: 10, ...LONG, tag: '@long' },
  { seconds: 30, ...LONG, tag: '@long' },
  { seconds: 60, ...LONG, rounds: 2, tag: '@long' },
  { seconds: 120, ...LONG, rounds: 2, tag: '@long' },
];

test.beforeEach(({ noise }) => noise.allow(CONNECTION_TROUBLE));

for (const { seconds, pages, rounds, backMs, tag = [] } of OUTAGES) {
  test(`${pages} pages are back soon after a server that was gone for ${seconds} s`, { tag }, async ({ rejoin, someone, browserName }, testInfo) => {
    test.setTimeout((60 + rounds * (seconds + 60)) * 1_000);
    const visitors = await Promise.all(
      numbered('visitor', pages).map(async (name) => {
        const visitor = await Visitor.visit(await someone(), `${rejoin.url}/demo/one`);
        await visitor.send(name);
        await visitor.expectLink('online');
        await visitor.watchLink();
        return { visitor, texts: [name] };
      }),
    );
    const back = [];
    for (let round = 1; round <= rounds; round += 1) {
      const goneAt = Date.now();
      await rejoin.stop('SIGKILL');
      await Promise.all(visitors.map(({ visitor }) => visitor.broken(goneAt)));
      for (const { visitor, texts } of visitors) {
        texts.push(`${texts[0]}, in the dark ${round}`);
        await visitor.send(texts.at(-1));
      }
      await expect.poll(() => Date.now() - goneAt, { timeout: (seconds + 30) * 1_000 }).toBeGreaterThan(seconds * 1_000);
      await rejoin.restart();
      // A page may be faster than the line that says so.
      back.push(...(await Promise.all(visitors.map(async ({ visitor }) => {
        const states = await visitor.online(rejoin.listeningAt - 500, { timeout: 60_000 });
        return Math.max(0, states - 500);
      }))));
    }
    print(testInfo, `${browserName}: back after ${seconds} s without a server`, back);
    expect(back).toHaveLength(pages * rounds);
    expect(percentile(back, 99)).toBeLessThan(backMs);
    for (const { visitor, texts } of visitors) {
      await visitor.expectMessages(texts);
      await expectLog(rejoin, await visitor.dialogId(), texts);
    }
  });
}
