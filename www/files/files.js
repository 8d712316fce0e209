// Images and files: chosen, sent with progress, and shown; in the visitor's panel and in the console. It is fetched when there is
// a first one. A file goes up whole, is tried again until the server has it, and then a message takes it along: the text that
// `ask` is given is what the client's outbox keeps of it. Until then a visitor's files are kept in the browser: their names beside
// the outbox, under `f:` and the id, their bytes in IndexedDB; so a reload goes on, or says which file is to be chosen again.

import { hold, isLasting, shelf, sweep } from './shelf.js';
import { say } from './words.js';

const SILENCE_MS = 60_000;
const ASK_MS = 200;
const AGAIN_MS = 1000;
const AGAIN_MAX_MS = 30_000;
/** A picture that cannot be fetched is asked for again after so long, then each time after twice as long. */
const REDRAW_MS = 8_000;
const SHOWN = /^image\/(png|jpeg|gif|webp|avif)$/;
/** Bytes of files that wait for their turn; of more only the names are kept. */
const KEPT_BYTES = 64 * 1024 * 1024;
/** So many refusals, or no answer from a server that is there, and a file is given up: somebody in between does not let it pass. */
const STRIKES = 8;
/** Answers that stay the same, whoever gives them. */
const HOPELESS = [405, 411, 413, 414, 415, 417, 431, 451, 501, 505];
/** Answers that say nothing about the file. */
const PASSING = [401, 407, 408, 425, 429];
const PREVIEW_PX = [240, 240];
/** Refusals that another try would only repeat, and the words for them. */
const FINAL = { file_too_big: 'big', file_type: 'type', files_off: 'off', file_limit: 'limit', forbidden_origin: 'off', id_conflict: 'off' };

/** Failures that may be over when somebody tries again. */
const RETRIED = ['unreadable', 'limit', 'off'];
/** Failures after which the name is kept: the file can be chosen again. */
const NAMED = [...RETRIED, 'lost'];

const STYLE = `
.ft { grid-column: 1 / -1; display: grid; gap: 4px; max-height: 30vh; overflow: auto; margin: 0 0 8px; padding: 0; list-style: none }
.ft[hidden], .ft:not(:has(.fi)) { display: none }
.fi { position: relative; display: flex; align-items: center; gap: 4px; min-height: 44px; padding-inline-start: 14px; border-radius: 14px; background: #8882; font-size: 13px; overflow: hidden }
.fi p { flex: 1; min-width: 0; margin: 0; overflow-wrap: anywhere }
.fi[data-state=failed] p { color: light-dark(#b3261e, #ffb4ab) }
.fi progress { position: absolute; inset: auto 0 0; width: 100%; height: 3px; border: 0; appearance: none; background: none; accent-color: var(--a, var(--accent, #3457d5)) }
.fi progress::-webkit-progress-bar { background: none }
.fi progress::-webkit-progress-value { background: var(--a, var(--accent, #3457d5)) }
.fi progress::-moz-progress-bar { background: var(--a, var(--accent, #3457d5)) }
.fi button { flex: none; min-width: 44px; min-height: 44px; padding: 0 8px; border: 0; border-radius: 12px; background: none; color: inherit; font: inherit; font-weight: 600; cursor: pointer }
.fi button:hover { background: #8882 }
.fs { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.fb { display: flex; align-items: center; gap: 10px; max-width: 100%; min-height: 44px; margin: 0; padding: 0; border: 0; background: none; color: inherit; font: inherit; text-align: start; cursor: pointer }
.fb svg { flex: none; width: 24px; height: 24px; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round }
.fb span { min-width: 0; overflow-wrap: anywhere }
.fb small { display: block; font-size: 12px; opacity: .8 }
.fb canvas { display: block; max-width: 100%; border-radius: 12px; background: #8883 }
.fm { padding: 4px !important }
.fm .fb { min-height: 0 }
[data-drop]::after { content: ""; position: absolute; inset: 8px; z-index: 1; border: 2px dashed var(--dim, var(--soft)); border-radius: 14px; background: color-mix(in srgb, var(--a, var(--accent)) 12%, #0000); pointer-events: none }
@media (forced-colors: active) { .fi { border: 1px solid } }
`;

/** The roots that have our styles. */
const dressed = new WeakSet();

/**
 * Opens the files of one panel. `ask(object)` fills in `url` (a star stands for the name of a file) and `bearer`, and calls its
 * `done()`; `ask(text)` sends a message. `speech` knows the language; uploads stand in `place`, first.
 */
export function open(dialog, ask, speech, { place = dialog.querySelector('.c'), scroller = dialog.querySelector('.l') } = {}) {
  const root = dialog.getRootNode();
  if (!dressed.has(root)) {
    dressed.add(root);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  }

  const picker = dialog.querySelector('.at');
  const list = make('ul', 'ft');
  list.setAttribute('aria-label', word('files'));
  const status = make('p', 'fs');
  status.setAttribute('role', 'status');
  place.prepend(list, status);

  /** What is to be sent, in its order; the first is under way. */
  const queue = [];
  /** What was sent from here needs not be fetched. */
  const mine = new Map();
  /** What had to be sent once more, and how the server answered: 200 where it had it. */
  const repeated = new Map();
  let running;
  /** How often all was forgotten: what was asked for before that is nobody's. */
  let partings = 0;

  // While the link is on its way nobody knows; so it is asked again.
  const target = () =>
    new Promise((done) => {
      let asking;
      const known = (_, filled) => {
        clearInterval(asking);
        done(filled);
      };
      const again = () => {
        if (dialog.isConnected) return ask({ done: known });
        // The widget was taken off: another one goes on with what is kept.
        clearInterval(asking);
        for (const item of queue.splice(0)) {
          item.request?.abort();
          item.settled?.();
        }
      };
      asking = setInterval(again, ASK_MS);
      again();
    });

  // What the site takes, as far as a visitor can ask before the first try; the server has the last word.
  let taken;
  const limits = async ({ url }) => {
    if (!/\/(site|widget)\//.test(url)) return {};
    taken ??= fetch(url.replace(/\/(dialogs\/\d+\/)?files\/\*/, '/config')).then((response) => response.json());
    return taken.then(
      ({ files }) => files ?? {},
      () => {
        taken = undefined;
        return {};
      },
    );
  };

  // In a panel only: the console knows for which dialog something is dropped.
  for (const name of picker ? ['dragover', 'drop'] : []) {
    dialog.addEventListener(name, (event) => {
      if (event.dataTransfer.types[0] != 'Files') return;
      event.preventDefault();
      mark(dialog, event);
      // Before it is dropped nobody is to know what it is; a script's event may tell.
      if (name == 'drop') take([...event.dataTransfer.files]);
    });
  }

  function take(chosen) {
    if (picker?.hidden) return;
    // So that the same file may be chosen again.
    if (picker) picker.querySelector('input').value = '';
    for (const file of chosen) {
      const item = add(uuid(), file.name || 'image.png', file);
      settling(item);
    }
    // All of them, before the first has arrived.
    if (chosen.length > 0) target().then((to) => queue.forEach((item) => own(item, to)));
    run();
  }

  // No other page takes a file in hand while this one has it.
  const settling = (item) => hold(item.id, () => queue.includes(item) && new Promise((done) => (item.settled = done)));

  function add(id, name, file) {
    const item = { id, name, file, tries: 0, strikes: 0 };
    item.row = row(item);
    if (file) item.row.say('uploading');
    queue.push(item);
    list.append(item.row.node);
    return item;
  }

  // What a visitor has chosen is theirs when it is known who they are, too; nothing of one person becomes another's.
  function own(item, { key, store }) {
    if (item.key === key) return true;
    if (item.key && !item.key.endsWith('*')) return false;
    const former = item.key;
    Object.assign(item, { key, store });
    try {
      store?.setItem(key.replace('*', item.id), item.name);
      store?.removeItem(former?.replace('*', item.id));
    } catch {
      item.store = undefined;
    }
    const bytes = queue.reduce((sum, { file, isKept }) => sum + (isKept ? file.size : 0), 0);
    if (item.file && isLasting(item.store) && bytes + item.file.size <= KEPT_BYTES) {
      const { id, name, file } = item;
      item.isKept = true;
      shelf('readwrite', (files) => files.put({ id, name, file, key: key.replace('*', id) })).catch(() => (item.isKept = false));
    }
    return true;
  }

  // What an earlier page has left goes on, unless another page has it in hand.
  const awaited = new Set();
  async function resume(lost) {
    if (lost > '0') return repeat(JSON.parse(lost));
    const { key, store } = await target();
    const isForeign = (item) => item.key && item.key !== key && !item.key.endsWith('*');
    // Of whoever was here before.
    if (queue.some(isForeign)) status.textContent = '';
    queue.filter(isForeign).forEach(drop);
    if (!store || !key) return;
    await sweep(store);
    const [before, after] = key.split('*');
    const names = Object.keys(store).filter((name) => name.startsWith(before) && name.endsWith(after));
    for (const name of names.sort()) {
      const id = name.slice(before.length, name.length - after.length);
      if (id.includes('@') || awaited.has(id) || queue.some((item) => item.id === id)) continue;
      awaited.add(id);
      hold(id, async () => {
        awaited.delete(id);
        const found = await shelf('readonly', (files) => files.get(id)).catch(() => {});
        const called = store.getItem(name);
        if (called === null || queue.some((item) => item.id === id)) return;
        const item = add(id, called, found?.file);
        Object.assign(item, { key, store, isKept: Boolean(found) });
        if (found) run();
        else fail(item, 'lost');
        await new Promise((done) => (item.settled = done));
      });
    }
  }

  // The server did not have a file when its message came: swept away, or of the time after a backup. It goes up once more.
  async function repeat({ id, name }) {
    const file = mine.get(id);
    // It has it, and takes no message with it: another one has brought it, and stands in the log.
    if (repeated.get(id) === 200 || queue.some((item) => item.id === id)) return;
    if (file && !repeated.has(id)) {
      repeated.set(id, 0);
      const item = add(id, name, file);
      settling(item);
      return run();
    }
    const before = partings;
    const to = await target();
    if (partings !== before) return;
    const item = add(id, name);
    // Kept first: a reload says it again.
    own(item, to);
    fail(item, 'lost');
  }

  async function run() {
    if (running) return;
    running = true;
    const warn = (event) => queue.some(({ isKept, failed }) => !isKept && !failed) && event.preventDefault();
    addEventListener('beforeunload', warn);
    for (let item; (item = queue.find(({ failed }) => !failed)); ) await deliver(item);
    removeEventListener('beforeunload', warn);
    running = false;
  }

  // Works on one file until it is sent, cancelled, or will never be.
  async function deliver(item) {
    item.row.say('uploading');
    announce('uploading', item.name);
    while (queue.includes(item) && !item.failed) {
      const to = await Promise.race([target(), item.row.cancelled]);
      if (!to || !queue.includes(item)) return;
      if (!own(item, to)) return drop(item);
      const { bytes: most = Infinity, images } = await limits(to);
      if (!queue.includes(item)) return;
      if (item.file.size > most) return fail(item, 'big', most);
      if (images && !SHOWN.test(item.file.type)) return fail(item, 'images');
      const { status: answered, body, broken } = await put(item, to);
      if (!queue.includes(item)) return;
      if (body?.file && answered < 300) {
        if (!own(item, await target())) return drop(item);
        mine.set(item.id, item.file);
        // After a try without an answer it may be that one that the server has.
        if (repeated.has(item.id)) repeated.set(item.id, item.tries ? 0 : answered);
        drop(item);
        announce('sent', item.name);
        return ask('\u0001' + JSON.stringify(body.file));
      }
      const code = body?.error?.code;
      if (FINAL[code]) return fail(item, FINAL[code], /\d+/.exec(body.error.message)?.[0]);
      if (HOPELESS.includes(answered)) return fail(item, answered === 413 ? 'large' : 'off');
      if (broken && !(await isReadable(item.file))) return fail(item, 'unreadable');
      // What somebody in between says may be hidden from a page of another origin.
      const isStrike = broken ? await isThere(to) : answered >= 400 && answered < 500 && !PASSING.includes(answered);
      if (isStrike && ++item.strikes >= STRIKES) return fail(item, 'off');
      item.row.say('waiting');
      await again(item, body?.error?.retry_after_ms);
      item.row.say('uploading');
    }
  }

  function put(item, { url, bearer }) {
    return new Promise((done) => {
      const request = (item.request = new XMLHttpRequest());
      let silence;
      const heard = () => {
        clearTimeout(silence);
        silence = setTimeout(() => request.abort(), SILENCE_MS);
      };
      const end = (answer) => {
        clearTimeout(silence);
        done(answer);
      };
      request.upload.onprogress = ({ loaded, total }) => {
        heard();
        item.row.progress(total ? loaded / total : 0);
      };
      request.onload = () => end({ status: request.status, body: request.response });
      request.onerror = request.onabort = () => end({ broken: true });
      request.open('PUT', `${url.replace('*', item.id)}&name=${encodeURIComponent(item.name)}`);
      request.responseType = 'json';
      request.setRequestHeader('content-type', item.file.type || 'application/octet-stream');
      if (bearer) request.setRequestHeader('authorization', `Bearer ${bearer}`);
      heard();
      request.send(item.file);
    });
  }

  function again(item, least = 0) {
    const bound = Math.min(AGAIN_MS * 2 ** item.tries++, AGAIN_MAX_MS);
    return pause(Math.max(least, bound * (0.5 + Math.random() / 2)), item.row.cancelled);
  }

  function fail(item, why, most) {
    item.failed = why;
    // Another try would be refused as well.
    if (!NAMED.includes(why)) release(item);
    item.row.say(why, most);
    announce(why, item.name, most);
  }

  function drop(item) {
    const at = queue.indexOf(item);
    if (at < 0) return;
    queue.splice(at, 1);
    item.request?.abort();
    release(item);
    const held = item.row.node.contains(root.activeElement);
    item.row.node.remove();
    // Whoever had the focus in the row goes on with writing.
    if (held) place.querySelector('textarea')?.focus();
  }

  // Nothing of it is kept any more.
  function release({ id, key, store, isKept, settled }) {
    store?.removeItem(key.replace('*', id));
    if (isKept) shelf('readwrite', (files) => files.delete(id)).catch(() => {});
    settled?.();
  }

  // The line of one upload.
  function row(item) {
    const node = make('li', 'fi');
    const text = node.appendChild(make('p'));
    const bar = node.appendChild(make('progress'));
    bar.max = 1;
    bar.value = 0;
    bar.setAttribute('aria-label', item.name);
    const retry = node.appendChild(make('button'));
    retry.type = 'button';
    retry.textContent = word('again');
    retry.hidden = true;
    retry.onclick = () => {
      item.failed = undefined;
      item.strikes = 0;
      item.row.say('uploading');
      run();
    };
    const cancel = node.appendChild(make('button'));
    cancel.type = 'button';
    cancel.textContent = '✕';
    cancel.setAttribute('aria-label', word('cancel', item.name));
    const cancelled = new Promise((done) => {
      cancel.onclick = () => {
        drop(item);
        done();
      };
    });
    return {
      node,
      cancelled,
      say(state, most) {
        const failed = state != 'uploading' && state != 'waiting';
        node.dataset.state = failed ? 'failed' : state;
        const name = isolated(item.name);
        text.textContent = failed || state == 'waiting' ? word(state, name, most) : `${name} · ${size(item.file.size)}`;
        bar.hidden = failed;
        retry.hidden = !RETRIED.includes(state);
      },
      progress: (share) => (bar.value = share),
    };
  }

  /** Shows a file in the element of its message. */
  function show(node, { id, name, mime, size: bytes, width, height }) {
    const button = make('button', 'fb');
    button.type = 'button';
    const isImage = SHOWN.test(mime);
    const label = `${name}, ${size(bytes)}`;
    button.setAttribute('aria-label', `${word(isImage ? 'image' : 'save', label)}${isImage ? '. ' + word('save', '').trim() : ''}`);
    button.onclick = () => save(id, name, button);
    keep(() => {
      if (isImage) preview(node, button, id, width, height);
      else describe(button, name, bytes);
      // Words may stand beside it.
      node.prepend(button);
    });
  }

  function describe(button, name, bytes) {
    const icon = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    icon.setAttribute('viewBox', '0 0 24 24');
    icon.setAttribute('aria-hidden', 'true');
    const lines = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    lines.setAttribute('d', 'M14 3H6v18h12V7l-4-4v4h4M12 11v6m-3-3l3 3 3-3');
    icon.append(lines);
    const text = make('span');
    text.textContent = name;
    const small = text.appendChild(make('small'));
    small.textContent = size(bytes);
    button.replaceChildren(icon, text);
  }

  // An image is drawn: no content security policy forbids that, and what is drawn cannot run.
  function preview(node, button, id, width, height) {
    node.classList.add('fm');
    const canvas = make('canvas');
    const [most, high] = PREVIEW_PX;
    const scale = Math.min(1, most / (width || most), high / (height || high));
    const [w, h] = [Math.max(44, Math.round((width || most) * scale)), Math.max(44, Math.round((height || high) * scale))];
    [canvas.width, canvas.height] = [w, h];
    button.append(canvas);
    const seen = new IntersectionObserver(async (entries) => {
      // A busy page is told of several moments at once.
      if (!entries.some((entry) => entry.isIntersecting)) return;
      seen.disconnect();
      await draw(canvas, id, w, h);
    });
    seen.observe(canvas);
  }

  async function draw(canvas, id, w, h, waitMs = REDRAW_MS) {
    try {
      const bitmap = await createImageBitmap(await bytesOf(id));
      const sharp = Math.min(2, devicePixelRatio || 1);
      canvas.style.width = `${w}px`;
      [canvas.width, canvas.height] = [w * sharp, h * sharp];
      const scale = Math.max(canvas.width / bitmap.width, canvas.height / bitmap.height);
      const [dw, dh] = [bitmap.width * scale, bitmap.height * scale];
      canvas.getContext('2d').drawImage(bitmap, (canvas.width - dw) / 2, (canvas.height - dh) / 2, dw, dh);
      bitmap.close();
      canvas.dataset.drawn = '';
    } catch {
      // The message that brings it may not have come yet, or the server is away.
      await pause(waitMs);
      if (canvas.isConnected) draw(canvas, id, w, h, 2 * waitMs);
    }
  }

  async function bytesOf(id) {
    if (mine.has(id)) return mine.get(id);
    for (let tries = 0; ; tries++) {
      const { url, bearer } = await target();
      // Before there is a dialog nothing is in it.
      const headers = bearer ? { authorization: `Bearer ${bearer}` } : {};
      const response = /\/dialogs\//.test(url) && (await fetch(url.replace('*', id), { headers }).catch(() => false));
      if (response.ok) return response.blob();
      if (tries == 3) throw new Error('a file cannot be fetched');
      await new Promise((done) => setTimeout(done, AGAIN_MS * 2 ** tries));
    }
  }

  async function save(id, name, button) {
    button.disabled = true;
    try {
      const link = make('a');
      link.href = URL.createObjectURL(new Blob([await bytesOf(id)], { type: 'application/octet-stream' }));
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    } catch {
      announce('unreadable', name);
    }
    button.disabled = false;
  }

  // Whoever reads the newest message stays there.
  function keep(change) {
    const end = scroller && scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 48;
    change();
    if (end) scroller.scrollTop = scroller.scrollHeight;
  }

  function announce(name, ...values) {
    status.textContent = word(name, ...values);
  }

  function word(name, ...values) {
    return say(speech.said, name, ...values);
  }

  // A name keeps its own order among words that run the other way.
  const isolated = (name) => (dialog.dir == 'rtl' || /[\u0590-\u08ff\ufb1d-\ufefc]/.test(name) ? `\u2068${name}\u2069` : name);

  function size(bytes) {
    const [value, unit] = bytes < 1e6 ? [Math.max(1, bytes / 1e3), 'kilobyte'] : [bytes / 1e6, 'megabyte'];
    const digits = { style: 'unit', unit, maximumFractionDigits: value < 10 ? 1 : 0 };
    return new Intl.NumberFormat(speech.said.split('\n')[0], digits).format(value);
  }

  return {
    take,
    show,
    /** How many are to be sent. */
    unsent: () => queue.length,
    /** Puts the uploads out of sight, or back. */
    hide: (hidden) => (list.hidden = hidden),
    /** Goes on with what an earlier page has left, or with a file (JSON) that the server has lost. */
    resume,
    /** Cancels all, and keeps nothing. */
    forget() {
      partings += 1;
      [...queue].forEach(drop);
      mine.clear();
      repeated.clear();
      status.textContent = '';
      target().then(({ store }) => store && sweep(store));
    },
  };
}

// Waits a while, or until the device is online again, or `end` comes.
function pause(ms, end) {
  return new Promise((done) => {
    const go = () => {
      clearTimeout(timer);
      removeEventListener('online', go);
      done();
    };
    const timer = setTimeout(go, ms);
    addEventListener('online', go);
    end?.then(go);
  });
}

/** Shows that what is held over an element may be dropped there. */
export function mark(node, { type }) {
  node.toggleAttribute('data-drop', type == 'dragover');
  node.ondragleave = ({ relatedTarget }) => node.contains(relatedTarget) || node.removeAttribute('data-drop');
}

function make(tag, name) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  return node;
}

// A file that was moved or changed since it was chosen cannot be read any more.
async function isReadable(file) {
  return file.slice(0, 1).arrayBuffer().then(Boolean, () => false);
}

// The server lets others in.
function isThere({ url }) {
  return fetch(new URL('/health?ws=1', new URL(url, location.href))).then(({ ok }) => ok, () => false);
}

// A UUID of version 7: the time first.
function uuid() {
  const random = crypto.getRandomValues(new Uint8Array(10));
  const hex = Date.now().toString(16).padStart(12, '0') + Array.from(random, (byte) => byte.toString(16).padStart(2, '0')).join('');
  const variant = '89ab'[random[2] & 3];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
