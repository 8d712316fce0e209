// Bundles the npm package: `node bundle.mjs FOLDER FILES OUT CONSOLE [--minify]`. FOLDER has the sources and what they are made of, FILES is
// what sends and shows files; OUT gets the package's scripts; CONSOLE one script with all of `index.js`, for the operator's console.
import { cp } from 'node:fs/promises';
import { build } from 'esbuild';

const [folder, files, outdir, outfile, minify] = process.argv.slice(2);
// A page that only listens to a feed needs nothing of the rest: these stay files of their own, as they are written. So do the
// languages: a page's bundler leaves them apart.
const APART = ['failure.js', 'feed.js', 'page.js'];
const common = {
  bundle: true,
  format: 'esm',
  // What the package never does is not in it; the rest stays readable.
  minifySyntax: true,
  target: 'es2022',
  platform: 'neutral',
  charset: 'utf8',
  legalComments: 'none',
  external: ['./languages/*', './files.js'],
  loader: { '.wasm': 'base64' },
  logLevel: 'error',
};
try {
  await Promise.all([
    // What both have is in one file: a page that imports both has one module.
    build({ ...common, entryPoints: [`${folder}/index.js`, `${folder}/inline.js`], outdir, external: [...common.external, ...APART.map((name) => `./${name}`)], splitting: true, chunkNames: 'shared' }),
    ...APART.map((name) => cp(`${folder}/${name}`, `${outdir}/${name}`)),
    build({ ...common, entryPoints: [files], outfile: `${outdir}/files.js` }),
    build({ ...common, entryPoints: [`${folder}/index.js`], outfile, minify: Boolean(minify) }),
  ]);
} catch {
  process.exitCode = 1; // esbuild has printed what is wrong, and where.
}
