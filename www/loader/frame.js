// The widget in an iframe, which the loader fetches for pages that want it there, or forbid it in their own: the frame, and
// the port over which its widget and the page talk.
const STYLE =
  'iframe{position:fixed;bottom:calc(var(--y,20px) + env(safe-area-inset-bottom));right:var(--x,20px);border:0;' +
  'width:min(400px,100vw - 2*var(--x,20px));height:min(680px,100dvh - 108px);margin-bottom:72px;border-radius:20px;' +
  'box-shadow:0 6px 24px #0003}' +
  ':host([data-position=left]) iframe{right:auto;left:var(--x,20px)}' +
  '@media(max-width:480px),(max-height:480px){[aria-expanded=true]{visibility:hidden}' +
  'iframe{inset:var(--t,0) 0 auto!important;width:100%;height:var(--h,100%);margin:0;border-radius:0}}';

/** Puts the frame up; `take` is given what talks to it, and the promise ends when its widget is there. */
export default ({ base, assistant, options, kept, state, add, root, style, say, emit }, take) =>
  new Promise((ready) => {
    // Inline, the loader has said how it fills its place.
    style(options.inline ? 'iframe{border:0}' : STYLE);
    const frame = add(root, 'iframe', { title: 'Chat', hidden: '' });
    if (!options.inline) stayAboveKeyboard(frame);
    const { port1, port2 } = new MessageChannel();
    take({ frame, command: (...call) => port1.postMessage(call) });
    port1.onmessage = ({ data: [name, value] }) => {
      emit(name, value);
      if (name == 'ready') ready();
    };
    frame.onload = () => {
      frame.contentWindow.postMessage({ ...options, ...kept }, base, [port2]);
      setTimeout(() => state.version || say(`forbidden_origin: ${base} refuses page or assistant.`), 5e3);
    };
    frame.src = `${base}/embed?assistant_id=${assistant}&parent_origin=${encodeURIComponent(location.origin)}#loader`;
  });

// Only the top page can see how much of it a phone's keyboard leaves; the frame is made as high as that, and what is inside follows.
function stayAboveKeyboard(frame) {
  const seen = visualViewport;
  const names = ['resize', 'scroll'];
  const fit = () => {
    if (!frame.isConnected) return names.forEach((name) => seen.removeEventListener(name, fit));
    // A reader who zooms in wants to see it as large as it was.
    if (seen.scale > 1) return;
    frame.style.setProperty('--h', seen.height + 'px');
    frame.style.setProperty('--t', seen.offsetTop + 'px');
  };
  for (const name of names) seen.addEventListener(name, fit);
  fit();
}
