// Before the first test of the package: pages that were built with it.
import { test as setup } from '@playwright/test';
import { build, install } from './build.mjs';

setup('the package is packed, installed from the tarball, and built into pages by every bundler', async () => {
  setup.setTimeout(240_000);
  await install();
  await build();
});
