// Images and files. What sends and shows them, and what is dropped, is a module of its own, fetched when there is one; here is only
// what notices that. `cargo xtask build` puts this into the script around the module; client-wasm/src/dom/files.rs calls it.
const files = {
  tries: 0,
  // Takes what is chosen or pasted in the panel; `ask` gets an object to be filled with the address and the credential.
  attach(dialog, ask) {
    files.tray = null;
    // Where the network is away what was chosen waits for it; a browser may remember for good that an import has failed.
    const bring = () => import(`__REJOIN_FILES__#${files.tries++}`).catch(() => new Promise((go) => setTimeout(go, 3e3)).then(bring));
    files.load = () => (files.tray ||= bring().then((module) => module.open(dialog, ask, speech)));
    dialog.onchange = dialog.onpaste = dialog.ondragover = ({ target, clipboardData, dataTransfer }) => {
      const from = clipboardData || target;
      const list = [...(from.files || [])];
      // Cells of a table are pasted as a picture, too.
      if (dataTransfer || (list[0] && !/plain/.test(from.types))) files.load().then((tray) => tray.take(list));
    };
  },
  // Goes on with what the server has lost (JSON), or with what an earlier page has left (`0`); without a word, only where there is
  // something already: it may be of somebody else.
  resume: (lost) => (lost ? files.load() : files.tray)?.then((tray) => tray.resume(lost)),
  // The visitor has logged out.
  forget: () => files.tray?.then((tray) => tray.forget()),
  // Shows a file in its message: JSON.
  show: (node, file) => files.load().then((tray) => tray.show(node, JSON.parse(file))),
};
