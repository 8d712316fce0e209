// The widget in an iframe, which the loader fetches for pages that want it there, or forbid it in their own: the frame, and
// the port over which its widget and the page talk.
const STYLE =
  'iframe{position:fixed;bottom:calc(var(--y,20px) + env(safe-area-inset-bottom));right:var(--x,20px);border:0;' +
  'width:min(400px,100vw - 2*var(--x,20px));height:min(680px,100dvh - 108px);margin-bottom:72px;border-radius:20px;' +
  'box-shadow:0 6px 24px #0003}' +
  ':host([data-position=left]) iframe{right:auto;left:var(--x,20px)}' +
  '.launcher:focus-visible{outline-offset:2px}' +
  '.launcher b{position:absolute;top:-4px;right:-4px;min-width:10px;padding:0 6px;border-radius:11px;font:12px/22px system-ui;background:#c00;color:#fff}' +
  '@media(max-width:480px),(max-height:480px){[aria-expanded=true]{visibility:hidden}' +
  'iframe{inset:var(--t,0) 0 auto!important;width:100%;height:var(--h,100%);margin:0;border-radius:0}}';

/** What the server's own page says instead of the chat, and what to change then; `#` stands for this page's origin. */
const REFUSALS = {
  forbidden_origin: 'this page may not embed the chat. On the server: rejoin site set <token> --origin #',
  unknown_assistant: 'look at data-assistant-id. On the server: rejoin assistant list',
};

/** Puts the frame up; `take` is given what talks to it, and the promise ends when its widget is there, however long that takes. */
export default ({ base, assistant, options, kept, state, add, root, style, say, emit }, take) =>
  new Promise((ready) => {
    // Inline, the loader has said how it fills its place.
    style(options.inline ? 'iframe{border:0}' : STYLE);
    const frame = add(root, 'iframe', { title: 'Chat', hidden: '' });
    if (!options.inline) stayAboveKeyboard(frame);
    const address = `${base}/embed?assistant_id=${assistant}&parent_origin=${encodeURIComponent(location.origin)}`;
    const end = new AbortController();
    // A framework's object may be none that can be posted.
    const plain = (value) => {
      try {
        return JSON.parse(JSON.stringify(value));
      } catch {
        return undefined;
      }
    };
    // What is said before the widget is there is said to each page that tries to bring it; nothing afterwards.
    let calls = [];
    // What each page that comes is to know of the visitor; and when they have logged out, until one has heard it.
    let about = { ...kept };
    let port, seen, timer, isReady;
    let tries = 0;
    // Whoever moves the frame to another place, as frameworks do, makes it begin anew: the window that we knew is gone.
    const isThere = () => port && frame.contentWindow == seen;
    const resume = () => {
      if (isThere()) return;
      port = undefined;
      if (calls) return;
      calls = frame.hidden ? [] : [['open']];
      expect(patience(1e4));
    };
    take({
      frame,
      free() {
        clearTimeout(timer);
        end.abort();
      },
      command(name, value, isAnswer) {
        resume();
        if (name == 'logout') {
          about = {};
          // What was to be said by who has logged out is not said. A page that comes hears of it first.
          calls = calls?.filter(([said]) => !/logout|send|compose|identify|attributes/.test(said));
        }
        // Who was asked is asked again.
        if (/logout|identify|attributes/.test(name) && !isAnswer) about[name] = value;
        const call = [name, plain(value)];
        if (name != 'logout') calls?.push(call);
        port?.postMessage(call);
      },
    });
    const expect = (ms) => {
      clearTimeout(timer);
      timer = setTimeout(again, ms);
    };
    const again = () => {
      if (!frame.isConnected) return expect(patience(1e4));
      say(`offline: ${base} does not answer.`);
      port = undefined;
      tries += 1;
      // Not by the attribute: the visitor's way back would lead through all of them.
      frame.contentWindow.location.replace(`${address}&again=${tries}#loader`);
      expect(patience(1e4));
    };
    // Each try may take twice as long as the one before, on a slow line.
    const patience = (ms) => Math.min(ms * 2 ** tries, 6e4);
    // A page has come, and it is none of ours: the server is away, or something stands in between. Firefox does not tell of its own.
    frame.onload = () => {
      resume();
      port || expect(patience(1e3));
    };
    addEventListener('online', () => (calls || !isThere()) && again(), end);
    const heard = ({ source, origin, data }) => {
      if (source != frame.contentWindow || origin != base) return;
      if (data != 'hello') {
        if (!REFUSALS[data]) return;
        say(`${data}: ${REFUSALS[data].replace('#', location.origin)}`);
        clearTimeout(timer);
        frame.onload = null;
        end.abort();
        calls ??= [];
        // A button that can never open anything is none.
        for (const button of root.querySelectorAll('.launcher')) button.hidden = true;
        return;
      }
      port = undefined;
      resume();
      expect(3e4);
      const { port1, port2 } = new MessageChannel();
      port = port1;
      seen = source;
      port.onmessage = ({ data: [name, value] }) => {
        if (name == 'out') {
          if (about.logout == value) delete about.logout;
          return;
        }
        // The page was told of its widget when that came first.
        if (name != 'ready' || !isReady) emit(name, value);
        if (name != 'ready') return;
        clearTimeout(timer);
        isReady = true;
        tries = 0;
        calls = undefined;
        ready();
      };
      const said = Object.entries({ ...options, ...about }).map(([name, value]) => [name, plain(value)]);
      frame.contentWindow.postMessage(Object.fromEntries(said), base, [port2]);
      for (const call of calls) port.postMessage(call);
    };
    addEventListener('message', heard, end);
    frame.src = address + '#loader';
    expect(patience(1e4));
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
