// The dialogs that the operator may see, newest first.

/** Makes the list, empty; `changed()` is called after each change. */
export function createDialogs(changed) {
  let byId = new Map();

  return {
    get size() {
      return byId.size;
    },
    /** Takes lines as the API answers them, in place of all others. */
    replace(lines) {
      byId = new Map(lines.map((line) => [line.dialog_id, toDialog(line)]));
      changed();
    },
    /** Takes lines of an older page. */
    add(lines) {
      for (const line of lines) byId.set(line.dialog_id, toDialog(line));
      changed();
    },
    /** Takes a hint of the feed; what it cannot say is asked for again later. */
    hint({ dialog_id: id, head, author, preview, at }) {
      const known = byId.get(id);
      if (!known || head <= known.head) return;
      const unread = author.kind === 'operator' ? 0 : known.unread + Number(author.kind === 'visitor');
      byId.set(id, { ...known, head, unread, at, author: author.kind, text: preview || known.text });
      changed();
    },
    /** Everything in a dialog has been read. */
    seen(id) {
      const known = byId.get(id);
      if (!known?.unread) return;
      byId.set(id, { ...known, unread: 0 });
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
    /** Messages that nobody has read, in all dialogs. */
    unread: () => [...byId.values()].reduce((sum, dialog) => sum + dialog.unread, 0),
  };
}

function toDialog(line) {
  return {
    id: line.dialog_id,
    siteId: line.site_id,
    siteName: line.site,
    head: line.head,
    unread: line.unread,
    at: line.at,
    text: line.preview,
    author: line.last_author,
    email: line.email ?? '',
    takesFiles: line.files,
    ...whoItIs(line),
  };
}

/** The shown name of a visitor, and what is known about them beside it. Only what the site has signed is a name. */
function whoItIs({ dialog_id: id, visitor }) {
  if (!visitor) return { title: `Visitor ${id}`, about: '', said: '' };
  const { name, email, verified, attributes } = visitor;
  const said = Object.entries(JSON.parse(attributes || '{}')).map(([key, value]) => `${key}: ${value}`);
  return {
    title: (verified && name) || `Visitor ${id}`,
    about: [verified ? '✓ verified' : 'not verified', verified && email].filter(Boolean).join(' · '),
    // Never in one line with the mark: it could say anything.
    said: said.join(' · '),
  };
}
