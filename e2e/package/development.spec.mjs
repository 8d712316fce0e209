// Vite's development server, which bundles packages ahead.
import { join } from 'node:path';
import { Visitor } from '../visitor.mjs';
import { here } from './build.mjs';
import { expect, test } from './fixtures.mjs';

test('the widget works in the development server of Vite, as it comes', async ({ page, rejoin }) => {
  const { createServer } = await import('vite');
  const vite = await createServer({
    root: join(here, 'built/vite-source'),
    cacheDir: join(here, 'built/vite-cache'),
    configFile: false,
    logLevel: 'silent',
    server: { port: 0, host: '127.0.0.1', fs: { strict: false } },
  });
  try {
    await vite.listen();
    const origin = `http://127.0.0.1:${vite.httpServer.address().port}`;
    const printed = await rejoin.command('site', 'add', '--name', 'Soap', '--welcome', 'Welcome.', '--origin', origin, '--data', rejoin.data);
    const token = /^site token: (\S+)$/m.exec(printed)[1];
    await page.goto(`${origin}/chat.html?${new URLSearchParams({ base: rejoin.url, token })}`);
    const visitor = new Visitor(page);
    await visitor.open();
    await visitor.send('While it is being made');
    await visitor.expectDelivery('While it is being made', 'sent');
  } finally {
    await vite.close();
  }
});
