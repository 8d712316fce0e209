// The page inside the iframe: the same widget, filling the frame. With `#loader` a launcher stands outside and talks to us
// through a port; without it the frame is all there is, and open from the start.
import init, { mount } from '__REJOIN_CLIENT__';

const query = new URLSearchParams(location.search);
const assistant = query.get('assistant_id') ?? '';
const parentOrigin = query.get('parent_origin') ?? '';
const framed = location.hash === '#loader';

/** Resolves with the loader's port and its options. Only the window around us can give them, and only from the origin that it named. */
const greeted = framed
  ? new Promise((resolve) => {
      addEventListener('message', function greet(event) {
        if (event.source !== parent || event.origin !== parentOrigin || !event.ports[0]) return;
        removeEventListener('message', greet);
        resolve({ port: event.ports[0], options: event.data });
      });
      parent.postMessage('hello', parentOrigin);
    })
  : { options: {} };

const wasm = fetch('__REJOIN_WASM__');
const { port, options } = await greeted;
const locale = options.locale || (query.get('locale') ?? '');
await init({ module_or_path: wasm, locale });

const host = document.createElement('div');
host.dataset.theme = options.theme ?? 'auto';
const root = host.attachShadow({ mode: 'open' });
const style = (css) => {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
};
style(
  ':host{all:initial;display:block;--a:#3457d5;--o:#fff;color-scheme:light dark}' +
    ':host([data-theme=light]){color-scheme:light}:host([data-theme=dark]){color-scheme:dark}',
);
document.body.append(host);

let store = null;
try {
  if (options.storage !== 'none') store = options.storage === 'session' ? sessionStorage : localStorage;
} catch {
  console.error('[rejoin] storage_blocked: this browser keeps nothing for frames, so a dialog ends with its page.');
  port?.postMessage(['error', 'storage_blocked']);
}

let stopped = false;
function guarded(call) {
  if (stopped) return undefined;
  try {
    return call();
  } catch (error) {
    stopped = true;
    host.remove();
    console.error('[rejoin] stopped: ' + error);
    port?.postMessage(['close']);
    return undefined;
  }
}

// The page's own store says that there is something in this one, as soon as something is written, so that a log-out on any page of
// the site finds it, and that something waits to be sent, so that the next page brings it; before that nothing is stored. Each
// time: another page may have logged out meanwhile. Since when there is something, is kept here, under a name that is not the
// widget's.
const prefix = `rejoin:a${assistant}:`;
const since = `rejoin since:a${assistant}`;
const names = () => Object.keys(store ?? {}).filter((key) => key.startsWith(prefix));
const waits = () => names().some((key) => /^[fo]:/.test(key.slice(prefix.length)));
const tellKept = () => {
  if (!port) return;
  port.postMessage(['kept', 1]);
  if (waits()) port.postMessage(['x:', 1]);
  try {
    if (!store?.getItem(since)) store?.setItem(since, Date.now());
  } catch {
    // It is full.
  }
};
root.addEventListener('input', tellKept);
// After a key or a click that sends.
for (const name of ['keyup', 'click']) root.addEventListener(name, () => waits() && tellKept());

function command(name, value) {
  // At once, whether the link is there or not: who logs out leaves nothing.
  if (name === 'logout') {
    const own = names();
    try {
      // Other pages of this visitor hear it, before they hear that anything is gone.
      store?.setItem(`${prefix}out`, 1);
    } catch {
      // It is full.
    }
    for (const key of [...own, `${prefix}out`, since]) store?.removeItem(key);
  }
  guarded(() => widget.command(name, value));
  if (name === 'send' || name === 'compose') tellKept();
  if (name === 'logout') port?.postMessage(['out', value]);
}

let widget;
guarded(() => {
  widget = mount({
    root,
    style,
    base: location.origin,
    origin: parentOrigin,
    site: '',
    assistant,
    parent: encodeURIComponent(parentOrigin),
    ticket: document.querySelector('meta[name=rejoin-ticket]')?.content ?? '',
    store,
    color: options.color,
    sound: options.sound,
    label: options.label,
    closable: framed && !options.inline,
    inline: true,
    touch: matchMedia('(pointer: coarse)').matches,
    emit(name, value) {
      if (name === 'locale') document.documentElement.lang = value;
      if (name === 'dialog') tellKept();
      port?.postMessage([name, value]);
    },
    wake: (_, ...call) => guarded(() => widget.wake(...call)),
  });
});
if (port) {
  port.onmessage = ({ data: [name, value] }) => {
    if (name === 'theme') host.dataset.theme = value;
    else command(name, value);
  };
  for (const name of ['logout', 'identify', 'attributes']) {
    // A page may tell of a log-out late: what was begun after it is the next visitor's.
    const isStale = name === 'logout' && options.logout > 1 && Number(store?.getItem(since)) > options.logout;
    if (isStale) port.postMessage(['out', options.logout]);
    else if (options[name] !== undefined) command(name, options[name]);
  }
} else {
  guarded(() => widget.command('open'));
}
