// The loader: the launcher, and the queue of commands until the client is there. Everything else is fetched when the visitor
// reaches for the launcher, or when a dialog is under way. Before that: one request, nothing stored, no cookie, no socket.
//
// The npm package is made of it, too: there it is `launch(given)` (see www/npm/chat.js), and what stands behind
// `__REJOIN_PACKAGE__` is only in there, or not.
(() => {
  // An optimiser may have moved the script, or run it from a string: then the tag is found by its attributes.
  const ours = 'script[data-site-token],script[data-assistant-id]';
  const tag = __REJOIN_PACKAGE__
    ? given
    : [document.currentScript, document.querySelector(ours)].find((script) => script?.matches(ours));
  // Loaded twice, or run again by a single-page application: one widget.
  if (!__REJOIN_PACKAGE__ && window.rejoin?.here) return;
  if (!tag) return console.error('[rejoin] no_site: add data-site-token or data-assistant-id.');

  const options = tag.dataset;
  const { siteToken: site = '', assistantId: assistant = '', mode } = options;
  const base = new URL(options.baseUrl || tag.src, location).origin;
  let frameOnly = mode == 'iframe' || !site;
  // As in HTML, the bare attribute is enough.
  const flag = (name) => (options[name] ?? 'false') != 'false';
  const prefix = `rejoin:${site || 'a' + assistant}:`;
  const state = { unread: 0, state: 'idle' };
  const listeners = {};
  const phone = matchMedia('(pointer:coarse)and (max-width:480px)');
  // One line that says what to change; what follows from it is not said as well.
  let said;
  const say = (words) => (said ||= (console.error('[rejoin] ' + words), emit('error', words.split(':')[0]), 1));

  let store;
  try {
    if (options.storage != 'none') store = options.storage == 'session' ? sessionStorage : localStorage;
  } catch {
    console.error('[rejoin] storage_blocked: dialogs end with this page.');
  }

  // The launcher.
  const host = document.createElement('div');
  const root = host.attachShadow({ mode: 'open' });
  const style = (css) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  };
  const add = (parent, name, attributes, svg) => {
    const element = document.createElementNS(`http://www.w3.org/${svg ? '2000/svg' : '1999/xhtml'}`, name);
    for (const key in attributes) element.setAttribute(key, attributes[key]);
    parent.append(element);
    return element;
  };
  style(
    ':host{all:initial;position:fixed;z-index:2147483000;--a:#3457d5;--o:#fff;color-scheme:light dark}' +
      ':host([data-theme=light]){color-scheme:light}:host([data-theme=dark]){color-scheme:dark}' +
      // The border is seen where the colours are forced.
      '.launcher{position:fixed;bottom:calc(var(--y,20px) + env(safe-area-inset-bottom));right:var(--x,20px);width:56px;height:56px;padding:15px;border:1px solid #0002;border-radius:50%;background:var(--a);color:var(--o);cursor:pointer;' +
      'box-shadow:0 6px 24px #0003}' +
      ':host([data-position=left]) .launcher{right:auto;left:var(--x,20px)}' +
      '.launcher svg{display:block;fill:none;stroke:currentColor;stroke-width:2;stroke-linecap:round;stroke-linejoin:round}' +
      // How the rest looks, comes with what needs it.
      '[aria-expanded=true] svg:first-child,[aria-expanded=false] svg+svg,[hidden]{display:none!important}',
  );
  // Inline, it fills what the page has put it into.
  if (__REJOIN_PACKAGE__ && given.inline)
    style(
      ':host{position:relative;z-index:auto;display:block;height:100%;min-height:320px}' +
        'iframe{position:absolute;inset:0!important;width:100%;height:100%;margin:0;border-radius:0;box-shadow:none}',
    );
  const button = add(root, 'button', { class: 'launcher', 'aria-haspopup': 'dialog', 'aria-expanded': false });
  button.ariaLabel = options.label || 'Open chat';
  for (const d of ['M21 12a9 9 0 0 1-13 7l-5 2 2-5A9 9 0 1 1 21 12z', 'M6 9l6 6 6-6'])
    add(add(button, 'svg', { viewBox: '0 0 24 24' }, 1), 'path', { d }, 1);
  const badge = add(button, 'b', { hidden: '' });
  const [x, y = x] = (options.offset || '').split(/\D+/);
  if (x) host.style.setProperty('--x', x + 'px'), host.style.setProperty('--y', y + 'px');
  if (options.color) host.style.setProperty('--a', options.color);
  // The launcher begins where the page's lines end.
  if (document.dir == 'rtl') options.position ||= 'left';
  Object.assign(host.dataset, options);
  button.hidden = (__REJOIN_PACKAGE__ && given.inline) || options.launcher == 'none' || (flag('hideOnMobile') && phone.matches);
  // Beside the body: what replaces the body (Turbo, a view transition, a framework that hydrates) leaves the widget alone.
  ((__REJOIN_PACKAGE__ && given.mount) || document.documentElement).append(host);

  // The client, what is said about the visitor until it is there, and who is asked for a token.
  let client = {},
    kept = {},
    ask,
    loading,
    opener,
    watcher;
  const keep = (name, value) => {
    try {
      store.setItem(prefix + name, value);
    } catch {
      // There is none, or it is full.
    }
  };
  const emit = (name, value) => {
    state[name] = value;
    // A frame has a store of its own: other pages have to know that there is something in it.
    if (client.frame && /kept|dialog|x:/.test(name)) keep(name, value);
    if (name == 'unread') {
      badge.hidden = !value;
      badge.textContent = value;
    } else if (name == 'label') button.ariaLabel = value;
    // Who listens gives another one by and by; where nobody does, there is none.
    else if (name == 'credentials') (ask || !listeners[name]?.size) && answer(ask);
    else if (name == 'open' || name == 'close') {
      const open = name == 'open';
      const inside = root.activeElement;
      button.ariaExpanded = open;
      if (client.frame) client.frame.hidden = !open;
      if (open) {
        opener = document.activeElement;
        // The back button of a phone closes the panel.
        if (!(__REJOIN_PACKAGE__ && given.inline) && phone.matches && window.CloseWatcher) (watcher = new CloseWatcher()).onclose = () => run('close');
        // What fills a place of the page is there with it, and leaves the focus where it is.
        if (client.frame) (__REJOIN_PACKAGE__ && given.inline) || client.frame.focus(), client.command('open');
      } else {
        watcher?.destroy();
        if (inside) (opener && opener != host && opener != document.body ? opener : button).focus();
      }
    }
    // What the page's own function throws is the page's, and does not end what we are in the middle of.
    for (const listener of listeners[name] || []) queueMicrotask(() => listener(value));
  };
  const answer = async (asked, whose = kept) => {
    // Not now: the widget itself may be waiting for us.
    const token = await Promise.resolve().then(asked).catch(() => {});
    // Somebody else may have logged in meanwhile, or the same function be asked for somebody else. What is no token is none.
    if (asked == ask && whose == kept) client.command?.('identify', '' + token, 1);
  };
  const guarded = (call) => {
    try {
      return call();
    } catch (error) {
      // A panic ends the widget, never the page.
      say('stopped: ' + error);
      client = {};
      host.remove();
    }
  };
  const direct = async () => {
    const wasm = !__REJOIN_PACKAGE__ && fetch(base + '__REJOIN_WASM__');
    if (!__REJOIN_PACKAGE__) wasm.catch(() => {});
    const module = __REJOIN_PACKAGE__ ? await given.load(options.locale) : await import(base + '__REJOIN_CLIENT__');
    if (!__REJOIN_PACKAGE__) await module.default({ module_or_path: wasm, locale: options.locale });
    // Taken off while it was on its way.
    if (!root.isConnected) return;
    let widget;
    client = {
      command: (...call) => guarded(() => widget.command(...call)),
      free: () => widget.free(),
    };
    guarded(() =>
      widget = module.mount({
        ...options, root, style, base, site, assistant, store, emit,
        origin: location.origin,
        touch: matchMedia('(pointer:coarse)').matches,
        wake: (_, ...call) => client.command && guarded(() => widget.wake(...call)),
      }),
    );
    // A log-out has cleared the store that the widget has read.
    for (const name in kept) name == 'logout' || client.command?.(name, kept[name]);
  };
  const framed = async () => {
    if (!assistant) return say('no_assistant: data-assistant-id.');
    const module = __REJOIN_PACKAGE__ ? given.frame : await import(base + '__REJOIN_FRAME__');
    if (!root.isConnected) return;
    return module.default({ base, assistant, options, kept, state, add, root, style, say, emit }, (made) => (client = made));
  };
  const load = () =>
    (loading ||= ((options.locale ||= document.documentElement.lang), frameOnly ? framed() : direct()).catch((error) => {
      if (error instanceof WebAssembly.CompileError) {
        if (mode != 'direct' && assistant) return (loading = 0), (frameOnly = 1), load();
        say("wasm_blocked: add 'wasm-unsafe-eval' to script-src, or data-assistant-id.");
        // A button that can never open anything is none.
        button.hidden = true;
      } else {
        // An AbortError, by its short name: Firefox gives up fetching when the page is left.
        if (error.code != 20) say(`offline: ${base} ${error}`);
        loading = 0;
      }
    }));
  (__REJOIN_PACKAGE__ ? given : document).addEventListener('securitypolicyviolation', ({ blockedURI, effectiveDirective }) => {
    if (blockedURI.includes(base.split('//')[1])) say(`csp_blocked: add ${new URL(blockedURI).origin} to ${effectiveDirective}.`);
  });

  // The page's side.
  const commands = {
    on(name, listener) {
      (listeners[name] ||= new Set()).add(listener);
      if (name == 'ready' && state.version) listener(state.version);
      return () => listeners[name].delete(listener);
    },
    get: (name) => state[name],
    show: () => (button.hidden = false),
    hide: () => (button.hidden = true),
    identify: (token) => tell('identify', (ask = token?.call && token) ? 0 : token),
    attributes: (values) => tell('attributes', values),
    logout() {
      kept = {};
      ask = state.message = state.status = state.dialog = 0;
      tell('logout', Date.now());
      // Other pages of this visitor hear it, before they hear that anything is gone.
      keep('out');
      const own = Object.keys(store || {}).filter((key) => !key.indexOf(prefix));
      own.forEach((key) => store.removeItem(key));
      // A frame has a store of its own, and more than this to forget.
      if (own[1] && assistant) load();
    },
    destroy() {
      client.command?.('close');
      // Not now: the widget itself may be waiting for the page's function that asks for this.
      if (client.free) queueMicrotask(client.free);
      client = {};
      host.remove();
      if (!__REJOIN_PACKAGE__) delete window.rejoin;
    },
  };
  const tell = (name, value) => {
    kept[name] = value;
    client.command?.(name, value);
  };
  // These wait for the client, and do not bring it.
  for (const name of ['theme', 'locale'])
    commands[name] = (value) => {
      host.dataset[name] = options[name] = value;
      client.command?.(name, value);
    };
  const run = (name, ...values) => {
    if (commands[name]) return commands[name](...values);
    const whose = kept;
    const go = (ms = 3e3) =>
      load().then(() => {
        // What was to be said by who has logged out since then is not said.
        if (values[0] && whose != kept) return;
        if (client.command) client.command(name, values[0]);
        // The server was out of reach: what was asked for is done when it is back; what nobody has asked for, more and more seldom.
        else if (!loading && root.isConnected) setTimeout(go, ms, name || ms > 6e4 ? ms : 2 * ms);
      });
    go();
  };
  const early = (!__REJOIN_PACKAGE__ && window.rejoin?.q) || [];
  if (!__REJOIN_PACKAGE__) window.rejoin = run;
  run.here = 1;
  early.forEach((call) => run(...call));
  // Whoever clicks once more, because nothing is there yet, does not want to close it.
  button.onclick = () => run(state.version ? 'toggle' : 'open');
  for (const intent of ['pointerenter', 'focus']) button.addEventListener(intent, load, { once: true });
  (__REJOIN_PACKAGE__ ? given : document).addEventListener(
    'click',
    ({ target }) => target.closest?.('[data-rejoin-open]') && run('open'),
  );
  if (flag('open')) run('open');
  else if (RegExp(prefix + '(dialog|[fox]:)').test(Object.keys(store || {}))) (window.requestIdleCallback || setTimeout)(() => run(''));
  if (__REJOIN_PACKAGE__) return { host, run };
})();
