// What a page, an operator and the server can know of how good a link is.
import { test, expect, CONNECTION_TROUBLE } from './fixtures.mjs';
import { Operator } from './operator.mjs';
import { Visitor } from './visitor.mjs';

// A machine may be slow: that is an issue of its own, and the only one without a fault.
const WELL = { score: expect.any(Number), issues: expect.stringMatching(/^(latency)?$/) };

const rejoinGet = (page, name) => page.evaluate((wanted) => globalThis.rejoin('get', wanted), name);

test('the page reads quality and health, sees them fall in an outage, and rise after it', async ({ page, cable, noise }) => {
  noise.allow(CONNECTION_TROUBLE);
  const visitor = await Visitor.visit(page, `${cable.url}/demo/one`);
  expect(await rejoinGet(page, 'health')).toBeUndefined();
  await visitor.send('Hello');
  await visitor.expectLink('online');
  await expect.poll(() => rejoinGet(page, 'health')).toMatchObject(WELL);
  await expect.poll(async () => (await rejoinGet(page, 'quality')).round_trip_ms).toBeGreaterThan(0);
  const quality = await rejoinGet(page, 'quality');
  expect(quality).toMatchObject({ transport: 'websocket', because: 'first_choice', connection_successes: 1, reconnections: 0 });
  expect(Object.values(quality).filter((value) => typeof value === 'number' && !Number.isInteger(value))).toEqual([]);

  await page.evaluate(() => {
    globalThis.heard = [];
    globalThis.rejoin('on', 'health', ({ status }) => globalThis.heard.push(status));
  });
  cable.refuse(true);
  cable.cut();
  await expect
    .poll(() => rejoinGet(page, 'health'), { timeout: 30_000 })
    .toMatchObject({ status: 'CRITICAL', issues: expect.stringContaining('link') });
  cable.refuse(false);
  await visitor.expectLink('online');
  await expect.poll(async () => (await rejoinGet(page, 'quality')).reconnections).toBe(1);
  expect((await rejoinGet(page, 'quality')).recovery_ms).toBeGreaterThan(1_000);
  expect((await rejoinGet(page, 'health')).issues).not.toContain('link');
  expect(await page.evaluate(() => globalThis.heard)).toContain('CRITICAL');
});

test('in a frame the page around it reads the same', async ({ page, rejoin }) => {
  await page.goto(`${rejoin.url}/demo/iframe`);
  const visitor = new Visitor(page.frameLocator('iframe'));
  await page.getByRole('button', { name: /^Open chat/ }).click();
  await visitor.send('Hello');
  await visitor.expectLink('online');
  await expect.poll(() => rejoinGet(page, 'health')).toMatchObject(WELL);
  expect((await rejoinGet(page, 'quality')).transport).toBe('websocket');
});

test('the operator sees the round trip, and reads figures and log from the link', async ({ page, rejoin, someone }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectLink('online');
  const dialogId = await visitor.dialogId();
  const desk = await someone();
  const operator = await Operator.logIn(desk, rejoin);
  await operator.open(dialogId);
  await expect(desk.locator('#link-quality')).toHaveText(/^\d+ ms$/);
  await expect(operator.link).toHaveAttribute('title', /^Link (healthy|warning|critical), \d+ of 100\. .* lost 0 %\. Back 0 times\.$/);

  const token = await rejoin.operatorToken();
  const told = await desk.evaluate(
    async ({ dialogId, token }) => {
      const loaded = performance.getEntriesByType('resource').map(({ name }) => name);
      const { connect } = await import(loaded.find((name) => /\/link-[^/]*\.js$/.test(name)));
      const lines = [];
      const wasm = loaded.find((name) => /\/link-[^/]*\.wasm$/.test(name));
      const link = await connect({ dialogId, token, storage: 'none', wasm });
      link.log('debug', (line) => lines.push(line), 'json');
      await new Promise((resolve) => link.on('quality', (report) => report.round_trip_ms && resolve()));
      link.log('off');
      const told = {
        quality: link.quality(),
        health: link.health(),
        counters: link.counters(),
        entries: link.entries(),
        plain: link.entries('plain'),
        lines,
      };
      link.close();
      return told;
    },
    { dialogId, token },
  );
  expect(told.quality).toMatchObject({ transport: 'websocket', because: 'first_choice', lossPermille: 0, recoveriesMs: [] });
  expect(told.quality.roundTripsMs).toHaveLength(1);
  expect(told.health.issues.map(({ name }) => name).filter((name) => name !== 'latency')).toEqual([]);
  expect(told.counters).toMatchObject({ connectionAttempts: 1, connectionSuccesses: 1, errors: { NETWORK_ERROR: 0 } });
  const events = told.entries.map(({ event }) => event);
  expect(events).toEqual(expect.arrayContaining(['opening', 'ready', 'round_trip']));
  expect(told.entries[0]).toMatchObject({ level: 'debug', component: 'link', data: { transport: 'websocket' } });
  expect(told.plain[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z debug link opening link=1 transport=websocket$/);
  const parsed = told.lines.map((line) => JSON.parse(line));
  expect(parsed.map(({ event }) => event)).toContain('ready');
  expect(Date.parse(parsed[0].timestamp)).toBeGreaterThan(Date.now() - 60_000);
  expect(JSON.stringify(told)).not.toContain(token);
});

test('figures reach the operators of the site', async ({ page, rejoin }) => {
  const visitor = await Visitor.visit(page, `${rejoin.url}/demo/one`);
  await visitor.send('Hello');
  await visitor.expectLink('online');
  const token = await rejoin.operatorToken();
  const told = async () => {
    const answer = await fetch(`${rejoin.url}/api/debug/websocket/status`, { headers: { authorization: `Bearer ${token}` } });
    return (await answer.json()).metrics;
  };
  expect(await told()).toEqual([]);
  let number = 0;
  await expect
    .poll(async () => {
      await visitor.send(`Hello ${(number += 1)}`);
      return (await told())[0]?.reports;
    }, { intervals: [1_000], timeout: 30_000 })
    .toBe(1);
  const figures = Object.fromEntries((await told())[0].figures.map((figure) => [figure.name, figure]));
  expect(figures.score.count).toBe(1);
  expect(figures.score.mean).toBeGreaterThan(50);
  expect(figures.connection_successes.last).toBe(1);
  expect(figures.round_trip_ms.last).toBeGreaterThan(0);
});
