// Images and files. What chooses, sends and shows them is a module of its own, fetched when there is one; here is only what
// notices that. `cargo xtask build` puts this into the script around the module; client-wasm/src/dom/files.rs calls it.
const files = {
  // Takes what is chosen, pasted or dropped on the panel; `ask` gets an object to be filled with the address and the credential.
  attach(dialog, ask) {
    let tray;
    files.load = () => (tray ??= import('__REJOIN_FILES__').then((module) => module.open(dialog, ask, speech)));
    for (const name of ['change', 'paste', 'dragover', 'drop'])
      dialog.addEventListener(name, (event) => {
        const { target, clipboardData, dataTransfer } = event;
        const from = clipboardData || dataTransfer || target;
        const list = [...(from.files || [])];
        // A spreadsheet pastes its cells as a picture, too.
        if (dialog.querySelector('.at').hidden || !(list[0] || from.types?.[0] == 'Files') || from.types?.includes('text/plain')) return;
        event.preventDefault();
        if (name == 'change') target.value = '';
        if (list[0]) files.load().then((tray) => tray.take(list));
      });
  },
  // Shows a file in its message: JSON.
  show: (node, file) => files.load().then((tray) => tray.show(node, JSON.parse(file))),
};
