// The operator's console: who is logged in, the list of dialogs, and the one that is open.

import { createDialogs } from './dialogs.js';
import { openInbox } from './inbox.js';
import { createLinks } from './links.js';
import { createList } from './list.js';
import { createLogin } from './login.js';
import { dialogInAddress, leaveDialog } from './route.js';
import { createSession } from './session.js';
import { createThread } from './thread.js';

const part = (id) => document.getElementById(id);
const TITLE = document.title;
const FEED = {
  away: 'The list is not live. Reconnecting…',
  stopped: 'The list is not live: the server refused it.',
};

let inbox;
let openId = 0;
const session = createSession(follow);
const dialogs = createDialogs(render);
const list = createList(part('list'), part('row-template'));
const links = createLinks(session, expire);
const thread = createThread(links, session, (text) => {
  part('announcement').textContent = `New message: ${text.slice(0, 200)}`;
});
const login = createLogin(part('login'), begin);

part('logout').addEventListener('click', logOut);
part('site').addEventListener('change', render);
part('unread-only').addEventListener('change', render);
part('more').addEventListener('click', () => inbox?.more());
part('feed-state').querySelector('button').addEventListener('click', () => inbox?.tryNow());
addEventListener('hashchange', navigate);
document.addEventListener('visibilitychange', render);
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && !event.isComposing && openId && !part('login').open) list.focus(openId);
});
follow();

function begin(answer) {
  if (session.isOther(answer.token)) forget();
  session.begin(answer);
}

// The session has changed.
function follow() {
  inbox?.close();
  inbox = undefined;
  if (!session.token) return login.ask();
  part('console').hidden = false;
  part('operator').textContent = session.name;
  links.credential(session.token);
  inbox = openInbox(session.token, dialogs, {
    state: showFeedState,
    more: (hasMore) => (part('more').hidden = !hasMore),
    expired: expire,
  });
  navigate();
  links.resume();
}

// Everything stays on the screen, drafts included, until somebody has logged in again.
function expire() {
  inbox?.close();
  login.ask('You are not logged in any more. Log in to go on where you were.');
}

function logOut() {
  const unsent = links.unsent() + thread.unsentFiles();
  if (unsent && !confirm(`Not sent yet: ${unsent}. Log out and discard them?`)) return;
  forget();
  part('console').hidden = true;
  session.end();
}

// Nothing of an operator may be left for the next one.
function forget() {
  leaveDialog();
  openId = 0;
  thread.close();
  thread.forget();
  links.forget();
  dialogs.replace([]);
}

function navigate() {
  if (!session.token) return;
  const before = openId;
  openId = dialogInAddress();
  part('console').dataset.view = openId ? 'dialog' : 'list';
  if (openId) thread.show(openId);
  else thread.close();
  render();
  if (before !== openId) inbox.settle();
  if (!openId && before) list.focus(before);
}

function render() {
  // The open dialog is read while somebody looks at it; the link tells the server.
  if (openId && document.visibilityState === 'visible') dialogs.seen(openId);
  const sites = dialogs.sites();
  showSites(sites);
  const unreadOnly = part('unread-only').checked;
  const shown = dialogs.select({ site: Number(part('site').value), unreadOnly, keep: openId });
  list.show(shown, openId);
  part('list-empty').hidden = shown.length > 0;
  part('list-empty').textContent = unreadOnly
    ? 'Everything is read.'
    : 'No dialogs yet. They appear here when a visitor writes.';
  thread.header(dialogs.find(openId));
  const unread = dialogs.unread();
  document.title = unread ? `(${unread}) ${TITLE}` : TITLE;
}

function showSites(sites) {
  const select = part('site');
  const [all, ...rest] = select.options;
  if (rest.map((option) => option.text).join('\n') === sites.map(({ name }) => name).join('\n')) return;
  const chosen = select.value;
  select.replaceChildren(all, ...sites.map(({ id, name }) => new Option(name, String(id))));
  select.value = sites.some(({ id }) => String(id) === chosen) ? chosen : '';
}

function showFeedState(state, reason) {
  const text = FEED[state] ?? reason;
  part('feed-state').hidden = !text;
  part('feed-state').firstElementChild.textContent = text ?? '';
}
