// Images and files of the dialogs: one tray of uploads for each dialog, which goes on when another dialog is on the screen.

import { mark, open } from '__REJOIN_FILES_PATH__';

const SPEECH = { said: 'en' };

/**
 * Takes files that are chosen, pasted or dropped on `pane` for the dialog that `current()` names; `refuse()` says that its site takes
 * none.
 */
export function createFiles(links, session, { pane, form, scroller, picker, current, refuse }) {
  const trays = new Map();
  const of = (dialogId) => {
    if (!trays.has(dialogId)) trays.set(dialogId, open(pane, ask(dialogId), SPEECH, { place: form, scroller }));
    return trays.get(dialogId);
  };

  // Tells where files go and as whose, or sends the message that takes one along, over a link that may have been closed meanwhile.
  const ask = (dialogId) => (value) => {
    if (typeof value === 'string') return links.send(dialogId, value);
    return value.done(undefined, { url: `${location.origin}/api/dialogs/${dialogId}/files/*?v=1`, bearer: session.token });
  };

  const take = (list) => {
    if (picker.disabled) refuse();
    else if (current()) of(current()).take(list);
  };
  const turn = () => {
    for (const [dialogId, tray] of trays) tray.hide(dialogId !== current());
  };
  links.onFileLost((dialogId, file) => {
    of(dialogId).resume(file);
    turn();
  });
  picker.addEventListener('change', () => {
    take([...picker.files]);
    picker.value = '';
  });
  for (const name of ['paste', 'dragover', 'drop']) {
    pane.addEventListener(name, (event) => {
      const from = event.clipboardData ?? event.dataTransfer;
      // Cells of a table are pasted as a picture, too.
      if (!from.types.includes('Files') || from.types.includes('text/plain')) return;
      event.preventDefault();
      if (event.dataTransfer) mark(pane, event);
      // Before it is dropped nobody is to know what it is.
      if (name !== 'dragover' && from.files.length > 0) take([...from.files]);
    });
  }

  return {
    /** Shows a file in the element of its message. */
    show: (element, file) => of(current()).show(element, file),
    /** Another dialog is on the screen. */
    turn,
    /** Nothing of an operator may be left for the next one. */
    forget() {
      for (const tray of trays.values()) tray.forget();
    },
    /** Files that are not sent yet, in all dialogs. */
    unsent: () => [...trays.values()].reduce((sum, tray) => sum + tray.unsent(), 0),
  };
}
