// Images and files. What chooses, sends and shows them is a module of its own, fetched when there is one; here is only what
// notices that. `cargo xtask build` puts this into the script around the module; client-wasm/src/dom/files.rs calls it.
const files = {
  // Takes what is chosen, pasted or dropped on the panel; `ask` gets an object to be filled with the address and the credential.
  attach(dialog, ask) {
    const load = () =>
      (files.here ??= import('__REJOIN_FILES__').then((module) => module.open(dialog, ask, speech)).catch(() => (files.here = undefined)));
    files.load = load;
    for (const name of ['change', 'paste', 'dragover', 'drop'])
      dialog.addEventListener(name, (event) => {
        const { target, clipboardData, dataTransfer } = event;
        const from = clipboardData ?? dataTransfer ?? target;
        const list = [...(from.files ?? [])];
        const some = list[0] || from.types?.includes('Files');
        // A spreadsheet pastes its cells as a picture, too.
        if (!some || from.types?.includes('text/plain') || dialog.querySelector('.at').hidden) return;
        event.preventDefault();
        if (name == 'change') target.value = '';
        if (list[0]) load().then((tray) => tray?.take(list));
      });
  },
  // Shows a file in its message.
  show(node, ...file) {
    files.load().then((tray) => tray?.show(node, ...file));
  },
};
