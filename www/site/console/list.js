// The list of dialogs on the screen.

import { paintAvatar } from './avatar.js';
import { addressOf } from './route.js';
import { fullTime, shortTime } from './time.js';

/** Makes the view of the list in `element`, a `ul`. */
export function createList(element, template) {
  const rows = new Map();
  element.addEventListener('keydown', moveFocus);

  return {
    /** Shows these dialogs in this order; `openId` is the one on the screen. */
    show(dialogs, openId) {
      const focused = element.contains(document.activeElement) && document.activeElement;
      const gone = new Set(rows.keys());
      let next = element.firstElementChild;
      for (const dialog of dialogs) {
        gone.delete(dialog.id);
        const row = rows.get(dialog.id) ?? make(dialog.id);
        fill(row, dialog, dialog.id === openId);
        if (row === next) next = next.nextElementSibling;
        else element.insertBefore(row, next);
      }
      for (const id of gone) {
        rows.get(id).remove();
        rows.delete(id);
      }
      // A row that is moved loses the focus.
      if (focused && focused !== document.activeElement) focused.focus();
    },
    /** Moves the focus to a dialog's row. */
    focus(id) {
      (rows.get(id) ?? element.firstElementChild)?.querySelector('a').focus();
    },
  };

  function make(id) {
    const row = template.content.firstElementChild.cloneNode(true);
    row.querySelector('a').href = addressOf(id);
    rows.set(id, row);
    return row;
  }

  function moveFocus(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const row = event.target.closest('li');
    if (!step || !row) return;
    const next = step > 0 ? row.nextElementSibling : row.previousElementSibling;
    next?.querySelector('a').focus();
    event.preventDefault();
  }
}

function fill(row, dialog, isOpen) {
  const put = (selector, text) => {
    const part = row.querySelector(selector);
    if (part.textContent !== text) part.textContent = text;
    return part;
  };
  const { unread } = dialog;
  const link = row.querySelector('a');
  if (isOpen) link.setAttribute('aria-current', 'true');
  else link.removeAttribute('aria-current');
  link.classList.toggle('unread', unread > 0);
  paintAvatar(row.querySelector('.avatar'), dialog);
  put('.row-title', dialog.title);
  put('.row-site', dialog.siteName);
  put('.row-text', lastWords(dialog));
  const time = put('.row-time', dialog.at ? shortTime(dialog.at) : '');
  time.title = dialog.at ? fullTime(dialog.at) : '';
  const badge = put('.row-unread', unread > 99 ? '99+' : unread ? String(unread) : '');
  badge.hidden = unread === 0;
  badge.setAttribute('aria-label', `${unread} unread`);
  badge.setAttribute('role', 'img');
}

function lastWords({ text, author }) {
  if (!text) return 'No messages yet';
  return author === 'visitor' ? text : `↩ ${text}`;
}
