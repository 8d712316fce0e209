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

/** Pages that are online and watched, each with the texts that it has sent. */
async function gather(someone, rejoin, count) {
  return Promise.all(
    numbered('visitor', count).map(async (name) => {
      const visitor = await Visitor.visit(await someone(), `${rejoin.url}/demo/one`);
      await visitor.send(name);
      await visitor.expectLink('online');
      await visitor.watchLink();
      return { visitor, texts: [name] };
    }),
  );
}

async function expectAll(rejoin, visitors) {
  for (const { visitor, texts } of visitors) {
    await visitor.expectMessages(texts);
    await expectLog(rejoin, await visitor.dialogId(), texts);
  }
}

for (const { seconds, pages, rounds, backMs, tag = [] } of OUTAGES) {
  test(`${pages} pages are back soon after a server that was gone for ${seconds} s`, { tag }, async ({ rejoin, someone, browserName }, testInfo) => {
    test.setTimeout((60 + rounds * (seconds + 60)) * 1_000);
    const visitors = await gather(someone, rejoin, pages);
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
    await expectAll(rejoin, visitors);
  });
}

test.describe('under a supervisor', () => {
  test.use({ serve: { args: ['--supervise'] } });
  test.skip(process.platform !== 'linux', 'it finds the child in /proc');

  for (const { pages, rounds, backMs, tag = [] } of [
    { pages: 3, rounds: 1, backMs: 15_000 },
    { pages: 8, rounds: 3, backMs: 1_500, tag: '@long' },
  ]) {
    test(`${pages} pages are back soon after a server that was killed, and none is refused`, { tag }, async ({
      rejoin,
      someone,
      noise,
      browserName,
    }, testInfo) => {
      test.slow();
      const visitors = await gather(someone, rejoin, pages);
      const back = [];
      for (let round = 1; round <= rounds; round += 1) {
        const goneAt = Date.now();
        await rejoin.killChild();
        for (const { visitor, texts } of visitors) {
          texts.push(`${texts[0]}, round ${round}`);
          await visitor.send(texts.at(-1));
        }
        back.push(...(await Promise.all(visitors.map(({ visitor }) => visitor.rejoined(goneAt, { timeout: 60_000 })))));
      }
      print(testInfo, `${browserName}: back after a kill under a supervisor`, back);
      expect(percentile(back, 99)).toBeLessThan(backMs);
      await expectAll(rejoin, visitors);
      expect(noise.heard().filter((line) => line.includes('REFUSED'))).toEqual([]);
    });
  }
});
