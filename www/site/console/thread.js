// The dialog on the screen: its link, and everything that its view says.

import { paintAvatar } from './avatar.js';
import { createComposer } from './composer.js';
import { createFiles } from './files.js';
import { createLog } from './log.js';
import { createScroll } from './scroll.js';

const LINKS = {
  idle: 'Connecting',
  connecting: 'Connecting',
  online: 'Online',
  'online-sse': 'Online (limited)',
  'online-long-polling': 'Online (limited)',
  'online-polling': 'Online (slow)',
  reconnecting: 'Reconnecting',
  offline: 'Offline',
  stopped: 'Closed',
};

const BANNERS = {
  reconnecting: 'Reconnecting. Messages are kept and sent when the link is back.',
  limited: 'Slow connection. Messages may take a little longer.',
  offline: 'No connection. Messages are kept and sent later.',
  refused: 'This dialog is not available.',
};

const percent = (permille) => `${permille / 10} %`;

/** Makes the pane of a dialog; `arrived(text)` is called for each new message of the visitor. */
export function createThread(links, session, arrived) {
  const part = (id) => document.getElementById(id);
  let open;

  const scroll = createScroll(part('log-scroll'), part('newest'));
  const files = createFiles(links, session, {
    pane: part('thread'),
    form: part('composer'),
    scroller: part('log-scroll'),
    picker: part('attach'),
    current: () => open?.dialogId,
    refuse: () => composer.say('This site takes no files.'),
  });
  const log = createLog(part('log'), {
    messageTemplate: part('message-template'),
    dayTemplate: part('day-template'),
    retry: (key) => open?.link?.retry(key),
    showFile: files.show,
  });
  const composer = createComposer(part('composer'), {
    typed: (text) => open?.link?.draft(text),
    send(text) {
      open.link.send(text);
      scroll.toEnd();
      const { notice } = open.link.view();
      return notice === 'none' ? undefined : notice;
    },
  });
  part('older').addEventListener('click', () => open?.link?.older());
  part('banner').querySelector('button').addEventListener('click', () => open?.link?.tryNow());

  async function show(dialogId) {
    if (open?.dialogId === dialogId) return;
    close();
    const mine = { dialogId, newest: undefined };
    open = mine;
    files.turn();
    part('dialog-none').hidden = true;
    part('thread').hidden = false;
    part('log').setAttribute('aria-busy', 'true');
    composer.reset();
    header();
    focus();
    try {
      const link = await links.open(dialogId, (view) => open === mine && render(view), judge);
      if (open !== mine) return;
      mine.link = link;
      composer.ready(link.view().draft);
    } catch (error) {
      console.error('[Rejoin] The console cannot open its link:', error);
      if (open === mine) banner('The chat client could not be loaded. Reload the page.', { canTry: false });
    }
  }

  // On a touch screen the keyboard would cover half of what the operator came to read.
  function focus() {
    if (matchMedia('(pointer: coarse)').matches) part('thread-title').focus();
    else composer.focus();
  }

  function header(dialog) {
    part('thread-title').textContent = dialog?.title ?? `Visitor ${open.dialogId}`;
    part('thread-about').textContent = dialog?.about ?? '';
    part('thread-about').hidden = !dialog?.about;
    part('thread-said').querySelector('bdi').textContent = dialog?.said ?? '';
    part('thread-said').hidden = !dialog?.said;
    part('thread-site').textContent = dialog?.siteName ?? '';
    // Before the list has come nobody knows; the server has the last word.
    part('attach').disabled = dialog?.takesFiles === false;
    part('attach').parentElement.hidden = part('attach').disabled;
    // Left by a visitor who found nobody there; the visitor's own words, so nothing but an address goes into the link.
    const email = part('thread-email');
    email.hidden = !dialog?.email;
    email.textContent = dialog?.email ?? '';
    email.href = `mailto:${encodeURIComponent(dialog?.email ?? '')}`;
    paintAvatar(part('thread-avatar'), dialog ?? { siteId: 0, siteName: '' });
  }

  function render(view) {
    scroll.around(() => {
      log.show(view.items, session.name);
      part('older').hidden = view.older === 'none';
      part('older').disabled = view.older === 'loading';
      part('typing').hidden = !view.typing;
      part('typing-text').textContent = view.typing ? 'The visitor is typing' : '';
    });
    const others = view.operators.filter((name) => name !== session.name);
    part('present').textContent = others.length ? `Also here: ${others.join(', ')}` : '';
    part('link').dataset.state = view.link;
    part('link-text').textContent = LINKS[view.link] ?? view.link;
    banner(BANNERS[view.banner], { canTry: view.banner !== 'refused' });
    news(view);
  }

  // What the link says of itself: the round trip in sight, the rest for whoever points at it.
  function judge({ status, score, round_trip_ms: ms, loss_permille: loss, stability_permille: stable, reconnections }) {
    part('link').dataset.health = status.toLowerCase();
    part('link-quality').textContent = ms ? `${ms} ms` : '';
    part('link').title =
      `Link ${status.toLowerCase()}, ${score} of 100. In the last five minutes: there ${percent(stable)}, lost ${percent(loss)}. ` +
      `Back ${reconnections} times.`;
  }

  function news({ items, link }) {
    const last = items.at(-1);
    const isNew = open.newest !== undefined && last && last.key !== open.newest && !last.own;
    if (isNew) {
      scroll.hint();
      arrived(last.text || last.file?.name || '');
    }
    if (last) open.newest = last.key;
    if (link.startsWith('online')) {
      open.newest ??= '';
      part('log').removeAttribute('aria-busy');
    }
  }

  function banner(text, { canTry }) {
    part('banner').hidden = !text;
    part('banner').firstElementChild.textContent = text ?? '';
    part('banner').querySelector('button').hidden = !canTry;
  }

  function close() {
    if (open) links.leave(open.dialogId);
    open = undefined;
    log.clear();
    scroll.toEnd();
    part('link-quality').textContent = '';
    part('link').removeAttribute('title');
    delete part('link').dataset.health;
    banner(undefined, { canTry: false });
    part('thread').hidden = true;
    part('dialog-none').hidden = false;
  }

  return { show, close, forget: files.forget, unsentFiles: files.unsent, header: (dialog) => open && header(dialog) };
}
