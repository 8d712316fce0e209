// The live inbox: says which dialogs have changed, and comes back by itself.
// Frames may be lost while it is away, so `opened()` is the moment to read the whole list again.

const SILENCE_MS = 50_000; // two heartbeats and a half
const GATE_MS = 2000;
const DELAY_MIN_MS = 250;
const DELAY_MAX_MS = 10_000;

/** Opens the feed; `on` has `opened()`, `frame(frame)`, `state('online' | 'away' | 'stopped', reason)` and `expired()`. */
export function openFeed(token, on) {
  let socket;
  let timer;
  let attempt = 0;
  let heardAt = 0;
  let closed = false;

  function connect() {
    clearTimeout(timer);
    drop();
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const mine = new WebSocket(`${scheme}://${location.host}/ws/inbox?token=${encodeURIComponent(token)}`);
    socket = mine;
    heardAt = Date.now();
    // Events of a socket that was let go of mean nothing.
    const of = (handle) => (event) => socket === mine && handle(event);
    mine.onmessage = of(({ data }) => {
      heardAt = Date.now();
      for (const frame of [JSON.parse(data)].flat()) receive(frame);
    });
    mine.onopen = of(() => {
      on.opened();
      timer = setTimeout(listen, SILENCE_MS);
    });
    mine.onclose = of(({ code, reason }) => {
      socket = undefined;
      if (code >= 4300 && code < 4400) finish(on.expired);
      else if (code === 4003 || (code >= 4400 && code < 4500)) finish(() => on.state('stopped', reason));
      else retry();
    });
  }

  function receive(frame) {
    attempt = 0;
    on.state('online');
    on.frame(frame);
  }

  function listen() {
    const quiet = Date.now() - heardAt;
    if (quiet >= SILENCE_MS) retry();
    else timer = setTimeout(listen, SILENCE_MS - quiet);
  }

  function retry() {
    clearTimeout(timer);
    drop();
    on.state('away');
    const ceiling = Math.min(DELAY_MAX_MS, DELAY_MIN_MS * 2 ** attempt);
    attempt += 1;
    timer = setTimeout(pass, DELAY_MIN_MS + Math.random() * ceiling);
  }

  // A cheap question first: browsers punish sockets that fail to open, and the answer says when to come.
  async function pass() {
    try {
      const answer = await fetch('/health?ws=1', { cache: 'no-store', signal: AbortSignal.timeout(GATE_MS) });
      if (!answer.ok) throw new Error(String(answer.status));
      const { retry_ms: wait = 0 } = await answer.json();
      if (!closed) timer = setTimeout(connect, wait);
    } catch {
      if (!closed) retry();
    }
  }

  function drop() {
    const old = socket;
    socket = undefined;
    old?.close();
  }

  function finish(tell) {
    close();
    tell();
  }

  function tryNow() {
    if (closed || socket) return;
    clearTimeout(timer);
    attempt = 0;
    pass();
  }

  function wake() {
    if (document.visibilityState !== 'visible') return;
    if (socket && Date.now() - heardAt >= SILENCE_MS) retry();
    else tryNow();
  }

  function close() {
    closed = true;
    clearTimeout(timer);
    drop();
    document.removeEventListener('visibilitychange', wake);
    removeEventListener('online', wake);
    removeEventListener('pageshow', wake);
  }

  document.addEventListener('visibilitychange', wake);
  addEventListener('online', wake);
  addEventListener('pageshow', wake);
  connect();
  return { tryNow, close };
}
