// The list kept right: the feed's hints show at once, and the API has the last word.

import { readDialogs } from './api.js';
import { subscribe } from '__REJOIN_LINK__';

const SETTLE_MS = 1000;
const UNKNOWN_MS = 200;
const PAGE = 50;
const PAGE_MAX = 200;
const STATES = { connecting: 'away', online: 'online', reconnecting: 'away', offline: 'away', stopped: 'stopped' };

/** Opens the inbox of a logged-in operator; `on` has `state(state, reason)`, `more(hasMore)` and `expired()`. */
export function openInbox(token, dialogs, on) {
  let timer;
  let older;
  let live = 'online';
  let closed = false;

  // Frames may be lost while it is away: its first frame, `inbox`, is the moment to read the whole list again.
  const feed = subscribe({
    url: `/ws/inbox?token=${encodeURIComponent(token)}`,
    reconnect: { initialDelayMs: 500, backoffMultiplier: 2, maxDelayMs: 10_000 },
    heartbeat: { intervalMs: 20_000, timeoutMs: 8000, failureThreshold: 1 },
    onUpdate(frame) {
      if (frame.type === 'inbox') refresh();
      if (frame.type !== 'dialog_activity') return;
      const isNew = !dialogs.find(frame.dialog_id);
      dialogs.hint(frame);
      settle(isNew ? UNKNOWN_MS : SETTLE_MS);
    },
    onState(state, why) {
      if (closed) return;
      if (why?.code >= 4300 && why.code < 4400) return on.expired();
      live = STATES[state];
      on.state(live, why?.reason);
    },
  });
  const look = () => settle(UNKNOWN_MS);
  document.addEventListener('visibilitychange', look);
  refresh();

  // A hint knows neither a new dialog's site nor what other operators have read.
  function settle(delay) {
    if (!closed) timer ??= setTimeout(refresh, delay);
  }

  async function refresh() {
    clearTimeout(timer);
    timer = undefined;
    const limit = Math.min(Math.max(dialogs.size, PAGE), PAGE_MAX);
    await read({ limit }, (answer) => dialogs.replace(answer.dialogs));
  }

  async function read(page, take) {
    try {
      const answer = await readDialogs(token, page);
      if (closed) return;
      older = answer.next;
      take(answer);
      on.more(Boolean(older));
      on.state(live);
    } catch (error) {
      if (closed) return;
      if (error.status === 401) on.expired();
      else on.state('failed', error.message);
    }
  }

  return {
    /** Reads the list again soon: something was read or written here. */
    settle: () => settle(SETTLE_MS),
    tryNow() {
      feed.then((feed) => feed.tryNow());
      refresh();
    },
    /** Asks for the next page. */
    more: () => older && read({ limit: PAGE, before: older }, (answer) => dialogs.add(answer.dialogs)),
    close() {
      closed = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
      feed.then((feed) => feed.close());
    },
  };
}
