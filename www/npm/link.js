// A link without a user interface: the same client as the widget's.
import { RejoinError } from './failure.js';
import { explain, load } from './module.js';
import { guarded, onPage } from './page.js';

const OPTIONS = ['baseUrl', 'servers', 'siteToken', 'dialogId', 'token', 'storage', 'reconnect', 'heartbeat', 'buffer'];

/** Who this is, by what is given. */
function side({ dialogId, siteToken }) {
  if (dialogId) return 'operator';
  if (siteToken) return 'site';
  throw new RejoinError('no_site', 'connect needs the siteToken of a site, or a dialogId with the token of an operator.');
}

/** Opens a link and keeps it open; see index.d.ts. */
export async function openLink({ onChange, getToken, wasm, ...given } = {}, source) {
  onPage('connect');
  for (const name of Object.keys(given))
    if (!OPTIONS.includes(name)) throw new RejoinError('invalid_option', `connect: there is no option ${name}.`);
  const options = { baseUrl: location.origin, side: side(given), ...given };
  // A visitor of whom the page knows: not a word is said before the page was asked who it is.
  if (getToken && options.side === 'site' && !options.token) options.identify = true;
  const client = await load(wasm ?? source).catch((error) => {
    throw explain(error);
  });
  const listeners = new Map();
  const tell = (name, value) => [...(listeners.get(name) ?? [])].forEach((each) => guarded(each, value));
  // One question at a time; no answer is one, too, and the link asks again later. Whoever logs out, or is somebody else by now, is not
  // spoken for by the answer to an earlier one.
  let asking;
  const renew = () => {
    if (asking) return;
    const mine = (asking = {});
    const answer = (token) => {
      if (asking !== mine) return;
      asking = undefined;
      link.credential(token ?? '');
    };
    Promise.resolve()
      .then(getToken)
      .then(answer, (error) => {
        answer('');
        reportError(error);
      });
  };
  let link;
  try {
    link = client.connect(
      options,
      (view) => guarded(onChange, view),
      (value) => (getToken && renew(), tell('credentials', value)),
    );
  } catch (error) {
    throw new RejoinError('invalid_option', `connect: ${error.message ?? error}`, { cause: error });
  }
  for (const name of ['message', 'loaded', 'refused', 'lost', 'quality', 'audit']) link.on(name, (value) => tell(name, value));
  return wrap(link, listeners, () => (asking = undefined));
}

/** Adds what takes closures: listeners that can be taken off again. */
function wrap(link, listeners, forget) {
  const on = (name, listener) => {
    if (!listeners.has(name)) listeners.set(name, new Set());
    // The same function given twice is two listeners.
    const mine = (value) => listener(value);
    listeners.get(name).add(mine);
    return () => void listeners.get(name).delete(mine);
  };
  return {
    on,
    view: () => link.view(),
    send: (text) => link.send(text),
    retry: (key) => link.retry(key),
    draft: (text) => link.draft(text),
    panel: (open) => link.panel(open),
    older: () => link.older(),
    tryNow: () => link.tryNow(),
    credential: (token) => link.credential(token),
    identify(token) {
      forget();
      link.identify(token);
    },
    attributes: (attributes) => link.attributes(attributes),
    logout() {
      forget();
      link.logout();
    },
    quality: () => link.quality(),
    health: () => link.health(),
    counters: () => link.counters(),
    entries: (form) => link.entries(form),
    log: (level, listener, form) => link.log(level, (entry) => guarded(listener, entry), form),
    close: () => link.close(),
  };
}
