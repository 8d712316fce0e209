// As everywhere, and a website of somebody who has installed the package: `site`, which `token` is for.
import { test as base, expect } from '../fixtures.mjs';
import { addSite } from '../host.mjs';
import { Site } from './site.mjs';

export { expect };

export const test = base.extend({
  /** What every page of this website comes with. */
  headers: [{}, { option: true }],
  site: async ({ rejoin: _, headers }, use) => {
    const site = await Site.start({ headers });
    await use(site);
    site.close();
  },
  token: async ({ rejoin, site }, use) => {
    await use(await addSite(rejoin, { origins: [site.url] }));
  },
  /** The WebAssembly files that the page has asked for. */
  modules: async ({ page }, use) => {
    const modules = [];
    page.on('request', (request) => /\.wasm$/.test(request.url()) && modules.push(request.url()));
    await use(modules);
  },
});
