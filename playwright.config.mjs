import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';

// The distribution's browsers where there are any (cargo xtask test installs them), else Playwright's own.
const chromium = '/usr/bin/chromium';
const firefox = '/usr/bin/firefox-esr';
const args = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
  '--no-sandbox',
];
// What depends on the engine: the link, storage, tabs, the page's life, policies, frames. What is only looked at is looked at once.
const BOTH = /(conversation|csp|embed|fallback|files|history|identity|lifecycle|offline|outages|promises|reconnect|tabs|welcome)\.spec\.mjs/;
const PACKAGE = /e2e\/package\/.*\.spec\.mjs/;
const inChromium = {
  browserName: 'chromium',
  launchOptions: { args, ...(existsSync(chromium) ? { executablePath: chromium } : {}) },
};

// The distribution's is driven by WebDriver BiDi, Playwright's own by a protocol of its own.
const inFirefox = {
  browserName: 'firefox',
  ...(existsSync(firefox) ? { channel: 'moz-firefox', launchOptions: { executablePath: firefox } } : {}),
};

export default defineConfig({
  testDir: 'e2e',
  globalSetup: './e2e/setup.mjs',
  outputDir: 'e2e/results/artifacts',
  reporter: [['list'], ['json', { outputFile: 'e2e/results/results.json' }]],
  // Time is no assertion: a machine may be slow. What must be fast is measured, and asserted where it is measured.
  timeout: 60_000,
  expect: { timeout: 15_000 },
  workers: 2,
  fullyParallel: true,
  // A test that passes only now and then has found something.
  retries: 0,
  // What takes long runs by a command of its own (e2e/long.config.mjs), and so does the chaos suite (e2e/chaos.config.mjs).
  grepInvert: /@long|@chaos/,
  forbidOnly: Boolean(process.env.CI),
  use: { locale: 'en-US', screenshot: 'only-on-failure' },
  projects: [
    { name: 'chromium', testIgnore: PACKAGE, use: inChromium },
    // The npm package, from pages that were built with it.
    { name: 'package-setup', testMatch: /e2e\/package\/build\.setup\.mjs/ },
    { name: 'package', testMatch: PACKAGE, dependencies: ['package-setup'], use: inChromium },
    // Of that what depends on the engine, from one bundler and from none.
    {
      name: 'package-firefox',
      testMatch: PACKAGE,
      grep: /\((plain|vite)\)|@engines/,
      dependencies: ['package-setup'],
      use: inFirefox,
    },
    { name: 'firefox', testMatch: BOTH, use: inFirefox },
  ],
});
