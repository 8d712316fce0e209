// Packs the package, installs it as anybody would, and builds pages with it: into built/KIND/, a page for each of `pages`.
import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const here = dirname(fileURLToPath(import.meta.url));
const built = join(here, 'built');
const PAGES = ['chat', 'feed', 'link'];

/** Packs and installs; what npm has is used, nothing is fetched but what the lock file names. */
export async function install() {
  const package_ = join(here, '../../dist/npm');
  await stat(join(package_, 'package.json')).catch(() => {
    throw new Error('the package has not been built yet: cargo xtask package');
  });
  await rm(built, { recursive: true, force: true });
  await mkdir(built);
  const age = (path) => stat(join(here, path)).then(({ mtimeMs }) => mtimeMs, () => 0);
  if ((await age('node_modules/.package-lock.json')) < (await age('package-lock.json'))) await npm('ci');
  const packed = await npm('pack', '--silent', '--pack-destination', built, package_);
  // Not into the manifest: it is this one, not a version of a registry.
  await npm('install', '--no-save', '--offline', join(built, packed.trim()));
}

function npm(...words) {
  return run(process.platform === 'win32' ? 'npm.cmd' : 'npm', [...words, '--no-audit', '--no-fund', '--loglevel=error']);
}

async function run(program, words) {
  const { stdout } = await promisify(execFile)(program, words, { cwd: here });
  return stdout;
}

/** Builds every page in every way, side by side. */
export async function build() {
  await Promise.all([plain(), esbuild(), vite(), webpack(), examples()]);
}

async function page(name, script) {
  const html = await readFile(join(here, 'pages', `${name}.html`), 'utf8');
  return html.replace('<!-- SCRIPT -->', script);
}

/** No bundler: the browser finds the installed package by an import map. */
export async function plain() {
  const map = '<script type="importmap">{"imports":{"rejoin":"/node_modules/rejoin/index.js"}}</script>';
  const folder = join(built, 'plain');
  await mkdir(folder);
  for (const name of PAGES) {
    await cp(join(here, 'pages', `${name}.js`), join(folder, `${name}.js`));
    await writeFile(join(folder, `${name}.html`), await page(name, `${map}<script type="module" src="${name}.js"></script>`));
  }
}

/** Plain esbuild carries no files along: the entry with the WebAssembly inside. */
async function esbuild() {
  const { build } = await import('esbuild');
  const outdir = join(built, 'esbuild');
  await build({
    absWorkingDir: here,
    entryPoints: PAGES.map((name) => join(here, 'pages', `${name}.js`)),
    outdir,
    bundle: true,
    format: 'esm',
    minify: true,
    alias: { rejoin: 'rejoin/inline' },
    logLevel: 'error',
  });
  for (const name of PAGES)
    await writeFile(join(outdir, `${name}.html`), await page(name, `<script type="module" src="${name}.js"></script>`));
}

async function vite() {
  const root = join(built, 'vite-source');
  await mkdir(root);
  for (const name of PAGES) {
    await cp(join(here, 'pages', `${name}.js`), join(root, `${name}.js`));
    await writeFile(join(root, `${name}.html`), await page(name, `<script type="module" src="./${name}.js"></script>`));
  }
  const { build } = await import('vite');
  await build({
    root,
    base: './',
    configFile: false,
    logLevel: 'warn',
    build: { outDir: '../vite', emptyOutDir: true, rolldownOptions: { input: PAGES.map((name) => join(root, `${name}.html`)) } },
  });
}

/** The examples that the documentation shows, as they are. */
async function examples() {
  const root = join(built, 'examples-source');
  const names = ['react', 'vue'];
  for (const name of names) await cp(join(here, '../../examples', name), join(root, name), { recursive: true });
  const { build } = await import('vite');
  await build({
    root,
    base: './',
    configFile: false,
    logLevel: 'warn',
    // React tells in development only, and runs effects twice in development only.
    mode: 'development',
    define: { 'process.env.NODE_ENV': '"development"' },
    build: {
      outDir: '../examples',
      emptyOutDir: true,
      minify: false,
      rolldownOptions: { input: names.map((name) => join(root, name, 'index.html')) },
    },
  });
}

async function webpack() {
  const { default: webpack } = await import('webpack');
  const path = join(built, 'webpack');
  const stats = await promisify(webpack)({
    context: here,
    mode: 'production',
    entry: Object.fromEntries(PAGES.map((name) => [name, `./pages/${name}.js`])),
    output: { path },
    performance: false,
  });
  if (stats.hasErrors()) throw new Error(stats.toString({ colors: false }));
  for (const name of PAGES)
    await writeFile(join(path, `${name}.html`), await page(name, `<script type="module" src="${name}.js"></script>`));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await install();
  await build();
}
