// Which dialog the address names: `#/dialog/1004`, so that reload, links and the back button work.

/** The dialog that the address names, or 0. */
export function dialogInAddress() {
  return Number(/^#\/dialog\/(\d+)$/.exec(location.hash)?.[1] ?? 0);
}

/** The address of a dialog. */
export function addressOf(dialogId) {
  return `#/dialog/${dialogId}`;
}

/** Leaves the dialog without a new entry in the history. */
export function leaveDialog() {
  history.replaceState(null, '', location.pathname + location.search);
}
