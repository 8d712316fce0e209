// The widget in a page that is built: the loader of the script tag, with the module of the package.
import { RejoinError } from './failure.js';
import * as frame from './frame.js';
import { launch } from './launcher.js';
import { load } from './module.js';
import { onPage } from './page.js';

const invalid = (words) => new RejoinError('invalid_option', `createChat: ${words}`);
const oneOf = (...values) => ({ is: (value) => values.includes(value), means: values.map((value) => `'${value}'`).join(' or ') });
const text = { is: (value) => typeof value === 'string' && value !== '', means: 'a text' };
const flag = { is: (value) => typeof value === 'boolean', means: 'true or false' };
const isPixels = (value) => Number.isInteger(value) && value >= 0;

/** What each option may be; those with `as` become attributes of the script tag, as `as` writes them. */
const OPTIONS = {
  siteToken: { ...text, as: String },
  assistantId: { is: (value) => /^[1-9]\d*$/.test(value), means: 'a number', as: String },
  baseUrl: { is: isAddress, means: "the address of your server, as in 'https://chat.example.com'", as: String },
  mode: { ...oneOf('auto', 'direct', 'iframe'), as: String },
  locale: { ...text, as: String },
  label: { ...text, as: String },
  theme: { ...oneOf('auto', 'light', 'dark'), as: String },
  color: { is: (value) => /^#[0-9a-f]{6}$/i.test(value), means: "'#rrggbb'", as: String },
  position: { ...oneOf('right', 'left'), as: String },
  offset: {
    is: (value) => isPixels(value) || (Array.isArray(value) && value.length === 2 && value.every(isPixels)),
    means: 'pixels, or [side, bottom]',
    as: (value) => [value].flat().join(' '),
  },
  launcher: { ...oneOf('bubble', 'none'), as: String },
  open: { ...flag, as: String },
  hideOnMobile: { ...flag, as: String },
  sound: { ...flag, as: (on) => (on ? 'on' : 'off') },
  storage: { ...oneOf('local', 'session', 'none'), as: String },
  ui: oneOf('launcher', 'inline'),
  mount: { is: (value) => typeof value === 'string' || value instanceof Element, means: 'an element or a selector' },
  assets: oneOf('package', 'server'),
  nonce: text,
  getToken: { is: (value) => typeof value === 'function', means: 'a function' },
  wasm: { is: () => true },
};

/** The one chat of this page, for all who asked for it. */
let current;

/** Makes the widget, or gives the one that is there; see index.d.ts. */
export async function openChat(given = {}, source) {
  onPage('createChat');
  const { attributes, ui = 'launcher', mount, assets = 'package', nonce, getToken, wasm } = read(given);
  const inline = ui === 'inline';
  const place = find(mount);
  if (inline && !place) throw invalid("ui 'inline' needs mount: the element to fill.");
  const key = [attributes.baseUrl, attributes.siteToken, attributes.assistantId, ui, assets].join(' ');
  if (current ? current.key !== key : window.rejoin?.here)
    throw new RejoinError('busy', 'there is another chat on this page: destroy it first, or leave out its script tag.');
  if (current) {
    // The last one who asks has the say: a framework may put up the new place before it takes down the old one.
    if (place && current.host) place.append(current.host);
  } else if (assets === 'server') {
    if (inline) throw invalid("assets 'server' has no ui 'inline'.");
    current = { key, users: 0, ...served(attributes, nonce) };
  } else {
    current = { key, users: 0, ...launched(attributes, inline, place, getToken, () => load(wasm ?? source)) };
  }
  const mine = current;
  mine.users += 1;
  try {
    await mine.here;
  } catch (error) {
    leave(mine);
    throw error;
  }
  // Whoever came last knows best who the visitor is; the launcher of this page was told before it began.
  if (getToken && mine.getToken !== getToken) mine.run('identify', (mine.getToken = getToken));
  return handle(mine, inline);
}

/** Sorts the options into attributes and the rest, and refuses what is none. */
function read(given) {
  const read = { attributes: {} };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const option = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
    if (!option) throw invalid(`there is no option ${name}.`);
    if (!option.is(value)) throw invalid(`${name} has to be ${option.means}.`);
    if (option.as) read.attributes[name] = option.as(value);
    else read[name] = value;
  }
  if (!read.attributes.siteToken && !read.attributes.assistantId)
    throw new RejoinError('no_site', 'createChat needs a siteToken, or an assistantId.');
  if (!read.attributes.baseUrl) throw invalid(`baseUrl is missing: ${OPTIONS.baseUrl.means}.`);
  return read;
}

function isAddress(value) {
  // `chat.example.com` would be a path beside the page.
  return typeof value === 'string' && /^(https?:)?\//.test(value) && URL.canParse(value, location.href);
}

function find(mount) {
  if (typeof mount !== 'string') return mount;
  const place = document.querySelector(mount);
  if (!place) throw invalid(`nothing on the page matches mount, ${mount}.`);
  return place;
}

/** Starts the loader here, with what the package has. */
function launched(dataset, inline, mount, getToken, load) {
  const end = new AbortController();
  const { host, run } = launch({
    // What a script tag has.
    dataset: { ...dataset, ...(inline && { inline: 'true' }) },
    src: location.href,
    inline,
    mount,
    frame,
    addEventListener: (name, listener) => document.addEventListener(name, listener, end),
    async load(locale) {
      const client = await load();
      // Words that take longer to come do not keep the panel waiting: it says everything anew when they are here.
      await Promise.race([client.speak(locale), new Promise((late) => setTimeout(late, 2000))]);
      return client;
    },
  });
  // Before anything is said in nobody's name.
  if (getToken) run('identify', getToken);
  if (inline) run('open');
  return { host, run, getToken, end: () => (run('destroy'), end.abort()) };
}

/** Has the server's own script tag do everything. */
function served(dataset, nonce) {
  const script = document.createElement('script');
  Object.assign(script.dataset, dataset);
  script.src = `${new URL(dataset.baseUrl, location.href).origin}/widget.js`;
  if (nonce) script.nonce = nonce;
  const here = new Promise((resolve, reject) => {
    script.onload = () => (window.rejoin?.here ? resolve() : script.onerror());
    script.onerror = () => reject(new RejoinError('offline', `${script.src} cannot be loaded; a policy needs it in script-src.`));
  });
  document.head.append(script);
  const run = (...call) => window.rejoin?.(...call);
  return { here, run, end: () => (run('destroy'), script.remove()) };
}

function leave(chat) {
  chat.users -= 1;
  if (chat.users > 0) return;
  if (current === chat) current = undefined;
  chat.end();
}

/** What one who asked for the chat gets: it ends when all of them have destroyed theirs. */
function handle(chat, inline) {
  const offs = new Set();
  let ended = false;
  const run = (...call) => (ended ? undefined : chat.run(...call));
  const command = (name) => (value) => void run(name, value);
  const once = (name) => () => void run(name);
  return {
    open: once('open'),
    close: once('close'),
    toggle: once('toggle'),
    // Inline there is no launcher: the panel itself is shown.
    show: once(inline ? 'open' : 'show'),
    hide: once(inline ? 'close' : 'hide'),
    send: command('send'),
    compose: command('compose'),
    sound: command('sound'),
    theme: command('theme'),
    locale: command('locale'),
    identify: command('identify'),
    attributes: command('attributes'),
    logout() {
      if (ended) return;
      // Who asks for the chat from now on says who the next visitor is, by the same function or another.
      chat.getToken = undefined;
      run('logout');
    },
    get: (name) => run('get', name),
    on(name, listener) {
      // The same function given twice is two listeners.
      const off = run('on', name, (value) => ended || listener(value));
      if (off) offs.add(off);
      return () => void (offs.delete(off) && off());
    },
    destroy() {
      if (ended) return;
      offs.forEach((off) => off());
      ended = true;
      leave(chat);
    },
  };
}
