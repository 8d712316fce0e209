// What every part of the package knows of the page around it.
import { RejoinError } from './failure.js';

/** Wants a page around us: importing the package works everywhere, using it does not. */
export function onPage(name) {
  if (typeof window === 'undefined' || typeof document === 'undefined')
    throw new RejoinError('no_window', `call ${name} in a browser's page (in an effect or event handler), not on a server or in a worker.`);
}

/** What the page's own function throws is the page's: it is reported, and ends nothing of ours. */
export function guarded(call, value) {
  try {
    call?.(value);
  } catch (error) {
    reportError(error);
  }
}
