// What every journey starts from: `import { test, expect } from './fixtures.mjs'`.
//
//   rejoin    the real server, on a free port with a fresh data folder (e2e/server.mjs)
//   cable     a proxy before it that breaks on command: use `cable.url` (e2e/proxy.mjs)
//   host      somebody else's website, at another origin (e2e/host.mjs)
//   page      as always; an error in any console fails the test unless `noise.allow` expects it
//   someone   makes a page in a browser context of its own: another visitor, or the operator
//   noise     what the browser complained about
//   saved     presses what saves a file, and gives its name and bytes: `await saved(page, button)`
//
// `test.use({ serve: { args: ['--option'], env: { NAME: 'value' } } })` starts the server differently.
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, expect } from '@playwright/test';
import { Host } from './host.mjs';
import { Noise } from './noise.mjs';
import { CuttableProxy } from './proxy.mjs';
import { Server } from './server.mjs';

export { CONNECTION_TROUBLE, GATE_CLOSED } from './noise.mjs';
export { expect };

export const test = base.extend({
  serve: [{}, { option: true }],

  // A folder for what is saved, of each browser that runs.
  launchOptions: [
    async ({ launchOptions }, use) => {
      const downloadsPath = await mkdtemp(join(tmpdir(), 'rejoin-saved-'));
      await use({ ...launchOptions, downloadsPath });
      await rm(downloadsPath, { recursive: true, force: true });
    },
    { scope: 'worker' },
  ],

  saved: async ({ browserName, launchOptions: { downloadsPath } }, use) => {
    await use(async (page, button) => {
      if (browserName !== 'firefox') {
        const [download] = await Promise.all([page.waitForEvent('download'), button.click()]);
        return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
      }
      // Firefox says of what begins without a navigation no name that its driver could call it by, so nothing is heard of it there:
      // it is looked for where it is put, under its name, which is taken at first by nothing and then by all of it.
      expect(await readdir(downloadsPath), 'nothing was left from before').toEqual([]);
      await button.click();
      let name;
      const look = async () => {
        const names = await readdir(downloadsPath);
        name = names[0];
        return names.length === 1 && !name.endsWith('.part') && (await stat(join(downloadsPath, name))).size > 0;
      };
      await expect.poll(look, { message: 'a file is saved' }).toBe(true);
      const path = join(downloadsPath, name);
      const bytes = await readFile(path);
      await rm(path);
      return { name, bytes };
    });
  },

  // Not called proxy: Playwright has an option of that name.
  cable: async ({}, use) => {
    const proxy = await CuttableProxy.start();
    await use(proxy);
    proxy.close();
  },

  rejoin: async ({ serve, cable }, use, testInfo) => {
    const { args = [], env } = serve;
    // The cable is another address of the service, so its pages may embed the demo's widgets.
    const server = await Server.start({ args: ['--server', cable.url, ...args], env });
    cable.lead(server.url);
    await use(server);
    await server.dispose();
    const complaints = server.complaints();
    if (complaints.length > 0 || testInfo.status !== testInfo.expectedStatus) {
      await testInfo.attach('server.log', { body: server.log(), contentType: 'text/plain' });
    }
    expect(complaints, 'complaints of the server').toEqual([]);
  },

  host: async ({}, use) => {
    const host = await Host.start();
    await use(host);
    host.close();
  },

  noise: async ({}, use) => {
    const noise = new Noise();
    await use(noise);
    expect(noise.unexpected(), 'errors in the console').toEqual([]);
  },

  // Pages are made after the server and go before it: nothing of its end is noise.
  context: async ({ context, noise, rejoin: _ }, use) => {
    noise.listen(context);
    await use(context);
    await context.close();
  },

  someone: async ({ browser, noise, rejoin: _ }, use) => {
    const contexts = [];
    const open = async (options) => {
      const context = await browser.newContext(options);
      contexts.push(context);
      noise.listen(context);
      return context.newPage();
    };
    // One after the other, whoever asks for several at once: Firefox may fail to open two windows together.
    let last = Promise.resolve();
    await use((options) => (last = last.catch(() => {}).then(() => open(options))));
    for (const context of contexts) await context.close();
  },
});
