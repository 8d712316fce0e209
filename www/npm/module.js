// The WebAssembly of the package: fetched when it is first needed, once for a page.
import init, * as client from './client.js';
import { RejoinError } from './failure.js';

let loading;

/** Gives the functions of the module; `source` is its address, a response, its bytes, or what gives one of these. */
export function load(source) {
  loading ??= start(source).catch((error) => {
    // The next call tries again.
    loading = undefined;
    throw error;
  });
  return loading;
}

async function start(source) {
  await init({ module_or_path: typeof source === 'function' ? source() : source });
  return client;
}

/** Says what to do when the module could not be loaded. */
export function explain(cause) {
  if (cause instanceof WebAssembly.CompileError)
    return new RejoinError('wasm_blocked', "add 'wasm-unsafe-eval' to script-src of the page's policy.", { cause });
  const words = `the WebAssembly of the package cannot be loaded (${cause.message}). Where a bundler leaves it behind, import rejoin/inline.`;
  return new RejoinError('offline', words, { cause });
}
