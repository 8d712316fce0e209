// The dialogs that the operator may see, newest first.

/** Makes the list, empty; `changed()` is called after each change. */
export function createDialogs(changed) {
  let byId = new Map();

  return {
    /** Takes the whole list, as the API answers it. */
    replace({ dialogs }) {
      byId = new Map(dialogs.map(toDialog).map((dialog) => [dialog.id, dialog]));
      changed();
    },
    /** Takes one dialog, as the feed brings it. */
    put(summary) {
      const dialog = toDialog(summary);
      byId.set(dialog.id, dialog);
      changed();
    },
    find: (id) => byId.get(id),
    /** The dialogs of a site (0: of all), or only the unread ones; `keep` is always in it. */
    select({ site, unreadOnly, keep }) {
      return [...byId.values()]
        .filter((dialog) => !site || dialog.siteId === site)
        .filter((dialog) => !unreadOnly || dialog.unread > 0 || dialog.id === keep)
        .sort((a, b) => b.at - a.at || b.id - a.id);
    },
    /** The sites, by name. */
    sites() {
      const names = new Map([...byId.values()].map((dialog) => [dialog.siteId, dialog.siteName]));
      return [...names].map(([id, name]) => ({ id, name })).sort((a, b) => a.name.localeCompare(b.name));
    },
    /** Messages that nobody has read, in all dialogs but one. */
    unread(except) {
      let sum = 0;
      for (const dialog of byId.values()) if (dialog.id !== except) sum += dialog.unread;
      return sum;
    },
  };
}

function toDialog({ dialog_id: id, site, unread, at, last }) {
  return {
    id,
    siteId: site.id,
    siteName: site.name,
    siteColor: site.color ?? '',
    unread,
    at: last?.at ?? at ?? 0,
    text: last?.text ?? '',
    author: last?.author ?? { kind: 'visitor', name: '' },
  };
}
