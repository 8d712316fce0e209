// The links that are open: the one on the screen, and those that still have something to send.
// Each is the same WebAssembly client as the visitor's, without its user interface: the npm package's, as anybody has it.

import { connect } from '__REJOIN_LINK__';

const STORED = /^rejoin:d(\d+):(o:)?/;
const UNSETTLED = new Set(['sending', 'unconfirmed', 'unsaved']);

/** Makes the set of links, with none open; `credentialsNeeded()` is called when a token is not taken any more. */
export function createLinks(session, credentialsNeeded) {
  const entries = new Map();
  let fileLost = () => {};

  async function start(dialogId, entry) {
    const { token } = session;
    const onChange = (view) => changed(dialogId, entry, view);
    const link = await connect({ dialogId, token, onChange, wasm: '__REJOIN_LINK_WASM__' });
    // Nobody wants it any more: it was left, or the operator has logged out.
    if (entries.get(dialogId) !== entry) return link.close();
    if (session.token !== token) link.credential(session.token);
    link.on('credentials', credentialsNeeded);
    link.on('quality', (report) => entry.judge?.(report));
    link.on('lost', ({ file }) => fileLost(dialogId, file));
    entry.link = link;
    // It was left meanwhile, and has nothing to send.
    changed(dialogId, entry, link.view());
  }

  function changed(dialogId, entry, view) {
    entry.unsent = view.items.filter(({ delivery }) => UNSETTLED.has(delivery)).length;
    if (entry.show) entry.show(view);
    else settle(dialogId, entry);
  }

  // A link that nobody looks at lives until everything is sent.
  function settle(dialogId, entry) {
    if (entry.show || entry.unsent || entry.busy || entries.get(dialogId) !== entry) return;
    entries.delete(dialogId);
    // Not from within its own call.
    queueMicrotask(() => entry.link?.close());
  }

  async function open(dialogId, show, judge) {
    const entry = entries.get(dialogId) ?? { unsent: 0 };
    entries.set(dialogId, entry);
    entry.show = show;
    entry.judge = judge;
    entry.opening ??= start(dialogId, entry);
    try {
      await entry.opening;
    } catch (error) {
      entries.delete(dialogId);
      throw error;
    }
    if (entry.show !== show || entries.get(dialogId) !== entry) return undefined;
    if (show) entry.link.panel(true);
    changed(dialogId, entry, entry.link.view());
    return entry.link;
  }

  return {
    /** Opens a dialog's link; `show(view)` is called with its first view and after each change, `judge(report)` with its quality. */
    open,
    /** Nobody looks at this dialog any more. */
    leave(dialogId) {
      const entry = entries.get(dialogId);
      if (!entry) return;
      entry.show = undefined;
      entry.judge = undefined;
      entry.link?.panel(false);
      settle(dialogId, entry);
    },
    /** Sends a text in a dialog that may not be on the screen any more. */
    async send(dialogId, text) {
      const entry = entries.get(dialogId) ?? { unsent: 0 };
      entries.set(dialogId, entry);
      entry.busy = true;
      entry.opening ??= start(dialogId, entry);
      await entry.opening.catch(() => entries.delete(dialogId));
      entry.busy = false;
      entry.link?.send(text);
    },
    /** `listener(dialogId, file)` is told of files (JSON) that the server has lost before their message came. */
    onFileLost(listener) {
      fileLost = listener;
    },
    /** Opens what a reload has left unsent. */
    resume() {
      for (const key of Object.keys(sessionStorage)) {
        const [, dialogId, unsent] = STORED.exec(key) ?? [];
        if (unsent && !entries.has(Number(dialogId))) open(Number(dialogId)).catch(() => {});
      }
    },
    /** Messages that are not known to be stored, in all dialogs. */
    unsent: () => [...entries.values()].reduce((sum, entry) => sum + entry.unsent, 0),
    /** A fresh token. */
    credential(token) {
      for (const { link } of entries.values()) link?.credential(token);
    },
    /** Closes all, and forgets drafts and unsent messages: the next operator must not send them. */
    forget() {
      for (const { link } of entries.values()) link?.close();
      entries.clear();
      for (const key of Object.keys(sessionStorage)) if (STORED.test(key)) sessionStorage.removeItem(key);
    },
  };
}
