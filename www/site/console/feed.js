// The operator's inbox socket: says which dialogs have changed, and comes back by itself.
// Frames may be lost while it is away: its first frame, `inbox`, is the moment to read the whole list again.

const PING_MS = 20_000;
const SILENCE_MS = 8000; // after a ping
const GATE_MS = 2000;
const DELAY_MIN_MS = 250;
const DELAY_MAX_MS = 10_000;

/** Opens the feed; `on` has `frame(frame)`, `state('online' | 'away' | 'stopped', reason)` and `expired()`. */
export function openFeed(token, on) {
  let socket;
  let timer;
  let attempt = 0;
  let heardAt = 0;
  let closed = false;

  function connect() {
    clearTimeout(timer);
    const scheme = location.protocol === 'https:' ? 'wss' : 'ws';
    const mine = new WebSocket(`${scheme}://${location.host}/ws/inbox?token=${encodeURIComponent(token)}`);
    socket = mine;
    // Events of a socket that was let go of mean nothing.
    const of = (handle) => (event) => socket === mine && handle(event);
    mine.onopen = of(probe);
    mine.onmessage = of(({ data }) => [JSON.parse(data)].flat().forEach(receive));
    mine.onclose = of(({ code, reason }) => {
      socket = undefined;
      if (code >= 4300 && code < 4400) finish(on.expired);
      else if (code === 4003 || (code >= 4400 && code < 4500)) finish(() => on.state('stopped', reason));
      else retry();
    });
  }

  function receive(frame) {
    heardAt = Date.now();
    if (frame.type === 'inbox') {
      attempt = 0;
      on.state('online');
    }
    if (frame.type === 'drain') retry();
    else on.frame(frame);
  }

  // Asks for a sign of life; by the clock, because timers sleep when the machine does.
  function probe() {
    clearTimeout(timer);
    const askedAt = Date.now();
    socket.send(JSON.stringify({ type: 'ping', timestamp: askedAt }));
    timer = setTimeout(() => {
      if (heardAt < askedAt) retry();
      else timer = setTimeout(probe, PING_MS - SILENCE_MS);
    }, SILENCE_MS);
  }

  function retry() {
    drop();
    on.state('away');
    const ceiling = Math.min(DELAY_MAX_MS, DELAY_MIN_MS * 2 ** attempt);
    attempt += 1;
    timer = setTimeout(pass, DELAY_MIN_MS + Math.random() * ceiling);
  }

  // A cheap question first: browsers punish sockets that fail to open, and the answer says when to come.
  async function pass() {
    clearTimeout(timer);
    try {
      const answer = await fetch('/health?ws=1', { cache: 'no-store', signal: AbortSignal.timeout(GATE_MS) });
      if (!answer.ok) throw new Error(String(answer.status));
      const { status, retry_ms: wait = 0 } = await answer.json();
      // A closed gate says so with 200: every other status would stand on the browser's console.
      const next = status === 'draining' || status === 'overloaded' ? pass : connect;
      if (!closed && !socket) timer = setTimeout(next, wait);
    } catch {
      if (!closed && !socket) retry();
    }
  }

  function drop() {
    clearTimeout(timer);
    const old = socket;
    socket = undefined;
    old?.close();
  }

  function tryNow() {
    if (closed) return;
    if (socket?.readyState === WebSocket.OPEN) return probe();
    if (socket) return;
    attempt = 0;
    pass();
  }

  function wake() {
    if (document.visibilityState === 'visible') tryNow();
  }

  function finish(tell) {
    close();
    tell();
  }

  const wakes = [
    [document, 'visibilitychange'],
    [window, 'online'],
    [window, 'pageshow'],
  ];
  function close() {
    closed = true;
    drop();
    for (const [target, name] of wakes) target.removeEventListener(name, wake);
  }

  for (const [target, name] of wakes) target.addEventListener(name, wake);
  connect();
  return { tryNow, close };
}
