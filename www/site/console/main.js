// The operator's console: who is logged in, the list of dialogs, and the one that is open.

import { readDialogs } from './api.js';
import { createDialogs } from './dialogs.js';
import { openFeed } from './feed.js';
import { createList } from './list.js';
import { createLogin } from './login.js';
import { dialogInAddress, leaveDialog } from './route.js';
import { createSession } from './session.js';
import { createThread } from './thread.js';

const part = (id) => document.getElementById(id);
const TITLE = document.title;

let feed;
let openId = 0;
const session = createSession(follow);
const dialogs = createDialogs(render);
const list = createList(part('list'), part('row-template'));
const thread = createThread(document, session, {
  credentialsNeeded: expire,
  newMessage: (text) => say(`New message: ${text.slice(0, 200)}`),
});
const login = createLogin(part('login'), session.begin);

part('logout').addEventListener('click', logOut);
part('site').addEventListener('change', render);
part('unread-only').addEventListener('change', render);
part('feed-state').querySelector('button').addEventListener('click', () => feed?.tryNow());
addEventListener('hashchange', navigate);
document.addEventListener('visibilitychange', render);
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && !event.isComposing && openId && !part('login').open) list.focus(openId);
});
follow();

// The session has changed.
function follow() {
  feed?.close();
  feed = undefined;
  if (!session.token) return login.ask();
  part('console').hidden = false;
  part('operator').textContent = session.name;
  thread.credential(session.token);
  feed = openFeed(session.token, {
    opened: refresh,
    frame: receive,
    state: showFeedState,
    expired: expire,
  });
  navigate();
}

// Everything stays on the screen, drafts included, until somebody has logged in again.
function expire() {
  feed?.close();
  login.ask('Your session has ended. Log in to go on where you were.');
}

function logOut() {
  leaveDialog();
  openId = 0;
  thread.close();
  dialogs.replace({ dialogs: [] });
  part('console').hidden = true;
  session.end();
}

async function refresh() {
  const { token } = session;
  try {
    const answer = await readDialogs(token);
    if (token === session.token) dialogs.replace(answer);
  } catch (error) {
    if (token !== session.token) return;
    if (error.status === 401) expire();
    else showFeedState('failed', error.message);
  }
}

function receive(frame) {
  if (frame.type === 'changed') dialogs.put(frame.dialog);
}

function navigate() {
  if (!session.token) return;
  const wanted = dialogInAddress();
  const before = openId;
  openId = wanted;
  part('console').dataset.view = openId ? 'dialog' : 'list';
  if (openId) thread.show(openId);
  else thread.close();
  render();
  if (!openId && before) list.focus(before);
}

function render() {
  const sites = dialogs.sites();
  const select = part('site');
  if (select.options.length !== sites.length + 1) {
    const chosen = select.value;
    select.replaceChildren(select.options[0], ...sites.map(({ id, name }) => new Option(name, String(id))));
    select.value = sites.some(({ id }) => String(id) === chosen) ? chosen : '';
  }
  const visibleId = document.visibilityState === 'visible' ? openId : 0;
  const unreadOnly = part('unread-only').checked;
  const shown = dialogs.select({ site: Number(select.value), unreadOnly, keep: openId });
  list.show(shown, openId);
  part('list-empty').hidden = shown.length > 0;
  part('list-empty').textContent = unreadOnly ? 'Everything is read.' : 'No dialogs yet. They appear here when a visitor writes.';
  if (openId) thread.header(dialogs.find(openId));
  const unread = dialogs.unread(visibleId);
  document.title = unread ? `(${unread}) ${TITLE}` : TITLE;
}

function showFeedState(state, reason) {
  const texts = {
    online: '',
    away: 'The list is not live. Reconnecting…',
    stopped: `The list is not live: ${reason || 'the server refused it'}.`,
    failed: reason,
  };
  part('feed-state').hidden = !texts[state];
  part('feed-state').firstElementChild.textContent = texts[state];
}

function say(text) {
  part('announcement').textContent = text;
}
