// The pages of the chaos suite: `cargo xtask chaos --only pages` runs them and judges what they have seen.
import base from '../playwright.config.mjs';

export default {
  ...base,
  testDir: '.',
  globalSetup: './setup.mjs',
  outputDir: 'results/chaos',
  reporter: 'line',
  timeout: 900_000,
  workers: 1,
  grep: /@chaos/,
  grepInvert: undefined,
  projects: base.projects.filter(({ name }) => name === 'chromium'),
};
