// The installed package where there is no page: on a server, and for the compiler.
import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@playwright/test';
import { here } from './build.mjs';

const run = promisify(execFile);
const installed = join(here, 'node_modules/rejoin');

for (const entry of ['rejoin', 'rejoin/inline']) {
  test(`${entry} can be imported on a server, where calling it says what to do`, async () => {
    // Whatever is touched at import, of a page or of the process, is told.
    const script = `
      const touched = [];
      for (const name of ['window', 'document', 'self', 'navigator', 'localStorage', 'WebSocket', 'fetch'])
        Object.defineProperty(globalThis, name, { configurable: true, get() { touched.push(name); } });
      const before = Object.keys(globalThis).length;
      const all = await import('${entry}');
      const added = Object.keys(globalThis).length - before;
      const codes = {};
      for (const [name, call] of Object.entries(all))
        if (name !== 'RejoinError') await call({ siteToken: 'st_demo' }).catch((error) => (codes[name] = [error instanceof all.RejoinError, error.code]));
      console.log(JSON.stringify({ touched: touched.filter((name) => !['window', 'document'].includes(name)), added, codes }));
    `;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', script], { cwd: here });
    const { touched, added, codes } = JSON.parse(stdout);
    expect({ touched, added }).toEqual({ touched: [], added: 0 });
    expect(Object.keys(codes).length).toBeGreaterThan(0);
    for (const told of Object.values(codes)) expect(told).toEqual([true, 'no_window']);
  });
}

test('the tarball holds what its manifest names, one WebAssembly module, and nothing that runs or is fetched at install', async () => {
  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'));
  const files = (await readdir(installed)).sort();
  expect(files).toEqual([
    'LICENSE-APACHE',
    'LICENSE-MIT',
    'README.md',
    'failure.js',
    'feed.js',
    'files.js',
    'index.d.ts',
    'index.js',
    'inline.d.ts',
    'inline.js',
    'languages',
    'package.json',
    'page.js',
    'rejoin.wasm',
    'shared.js',
  ]);
  for (const target of Object.values(manifest.exports).flatMap((entry) => (typeof entry === 'string' ? entry : Object.values(entry))))
    expect(files).toContain(target.replace('./', ''));
  expect(manifest).toMatchObject({ name: 'rejoin', type: 'module', sideEffects: false, license: 'MIT OR Apache-2.0' });
  for (const field of ['dependencies', 'peerDependencies', 'optionalDependencies', 'scripts', 'private']) expect(manifest[field]).toBeUndefined();
  for (const name of files.filter((name) => name.endsWith('.js'))) {
    const text = await readFile(join(installed, name), 'utf8');
    expect(text, `${name} names something that the build should have filled in`).not.toContain('__REJOIN_');
  }
});

test('the types are what the code is, for the strictest compiler', async () => {
  const types = join(here, 'types');
  await run(process.execPath, [join(here, 'node_modules/typescript/lib/tsc.js'), '--project', types]).catch(({ stdout, stderr }) => {
    throw new Error(stdout + stderr);
  });
});
