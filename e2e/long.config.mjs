// What takes too long for every run: `npm run outages`, `npm run wakes`.
import base from '../playwright.config.mjs';

export default {
  ...base,
  testDir: '.',
  globalSetup: './setup.mjs',
  outputDir: 'results/long-artifacts',
  reporter: [['list'], ['json', { outputFile: 'results/long.json' }]],
  grepInvert: undefined,
  grep: /@long/,
  // They measure: nothing else runs beside them.
  workers: 1,
};
