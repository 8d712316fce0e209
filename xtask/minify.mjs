// Minifies scripts and style sheets: [{path, code}] on standard input, {path: code} on standard output.
import { text } from 'node:stream/consumers';
import { transform } from 'esbuild';

const jobs = JSON.parse(await text(process.stdin));
const minified = {};
for (const { path, code } of jobs) {
  const css = path.endsWith('.css');
  try {
    const result = await transform(code, {
      loader: css ? 'css' : 'js',
      minify: true,
      legalComments: 'none',
      sourcefile: path,
      // Names at the top of a module are its own; those of a classic script belong to the page.
      ...(!css && isModule(code) ? { format: 'esm', treeShaking: true } : {}),
      // A page in any encoding may load the widget: its script stays ASCII.
      charset: path === 'widget.js' ? 'ascii' : 'utf8',
      logLevel: 'error',
    });
    minified[path] = result.code;
  } catch {
    process.exitCode = 1; // esbuild has printed what is wrong, and where.
  }
}
process.stdout.write(JSON.stringify(minified));

function isModule(code) {
  return /^\s*(import\b|export\b)/m.test(code);
}
