import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';

// The distribution's Chromium where there is one (cargo xtask test installs it), else Playwright's own.
const chromium = '/usr/bin/chromium';
const args = [
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
  '--no-sandbox',
];

export default defineConfig({
  testDir: 'e2e',
  globalSetup: './e2e/setup.mjs',
  outputDir: 'e2e/results/artifacts',
  reporter: [['list'], ['json', { outputFile: 'e2e/results/results.json' }]],
  timeout: 30_000,
  expect: { timeout: 5_000 },
  workers: 2,
  fullyParallel: true,
  // A test that passes only now and then has found something.
  retries: 0,
  forbidOnly: Boolean(process.env.CI),
  use: { locale: 'en-US', screenshot: 'only-on-failure' },
  projects: [
    {
      name: 'chromium',
      use: {
        browserName: 'chromium',
        launchOptions: { args, ...(existsSync(chromium) ? { executablePath: chromium } : {}) },
      },
    },
  ],
});
