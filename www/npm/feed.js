// A feed: one socket that comes back, with its subscriptions. It needs no log, no outbox and no cursor, so it is not made of the link's
// WebAssembly: a page that only listens downloads three kilobytes instead of ninety. The rules are those of docs/protocol.md: a gate
// before each socket, delays that grow, ranges of close codes.
import { RejoinError } from './failure.js';
import { guarded, onPage } from './page.js';

/** An answer to what was asked is waited for so long. */
const ANSWER_MS = 5000;
const GATE_MS = 2000;
/** No drawn delay is shorter. */
const FLOOR_MS = 250;
const RECONNECT = { maxAttempts: 10, initialDelayMs: 1000, backoffMultiplier: 1.5, maxDelayMs: 30_000, jitter: true };
const HEARTBEAT = { intervalMs: 30_000, timeoutMs: 10_000, failureThreshold: 3 };
const OPTIONS = ['url', 'channels', 'gate', 'reconnect', 'heartbeat', 'onUpdate', 'onState', 'onError'];

const invalid = (words) => new RejoinError('invalid_option', `subscribe: ${words}`);

/** Opens a feed and keeps it open; see index.d.ts. */
export async function openFeed(given = {}) {
  onPage('subscribe');
  for (const name of Object.keys(given)) if (!OPTIONS.includes(name)) throw invalid(`there is no option ${name}.`);
  const { url, channels = [], gate, onUpdate, onState, onError } = given;
  if (!url) throw invalid('url is missing: the address of the feed.');
  if (!Array.isArray(channels)) throw invalid('channels has to be a list of names.');
  // What is known at once is said at once.
  if (typeof url !== 'function') addresses(url, gate);
  const reconnect = { ...RECONNECT, ...given.reconnect };
  const heartbeat = { ...HEARTBEAT, ...given.heartbeat };

  const wanted = new Set(channels);
  const listeners = { update: new Set(), state: new Set(), error: new Set() };
  const end = new AbortController();
  let state = 'connecting';
  let socket;
  let timer;
  let heardAt = 0;
  let failures = 0;
  // Each try has a number: what an older one still says is not heard.
  let turn = 0;

  const tell = (name, ...values) => [...listeners[name]].forEach((each) => guarded(() => each(...values)));
  function become(next, why) {
    if (next === state) return;
    state = next;
    tell('state', state, why);
  }
  const later = (call, ms) => (clearTimeout(timer), (timer = setTimeout(call, ms)));
  const ask = (frame) => socket?.readyState === WebSocket.OPEN && (socket.send(JSON.stringify(frame)), true);

  /** Asks the gate, a cheap question: browsers punish sockets that fail to open, and the answer says when to come. */
  async function pass() {
    const mine = ++turn;
    clearTimeout(timer);
    let address;
    try {
      address = addresses(typeof url === 'function' ? await url() : url, gate);
      if (mine !== turn) return;
      const wait = address.gate && (await askGate(address.gate));
      if (mine !== turn) return;
      if (wait?.closed) return later(pass, wait.ms);
      later(() => open(address.feed), wait?.ms ?? 0);
    } catch (error) {
      if (mine === turn) retry({ reason: String(error) });
    }
  }

  async function askGate(address) {
    const answer = await fetch(address, { cache: 'no-store', credentials: 'omit', signal: AbortSignal.timeout(GATE_MS) });
    // A server of another kind has none.
    if (answer.status === 404) return { ms: 0 };
    if (!answer.ok) throw new Error(`the gate answered ${answer.status}`);
    const { status, retry_ms: ms = 0 } = await answer.json();
    return { ms: Math.max(0, Number(ms) || 0), closed: status === 'draining' || status === 'overloaded' };
  }

  function open(address) {
    const mine = ++turn;
    drop();
    let opened;
    try {
      opened = new WebSocket(address);
    } catch (error) {
      return retry({ reason: String(error) });
    }
    socket = opened;
    const of = (handle) => (event) => mine === turn && handle(event);
    opened.onopen = of(() => {
      heardAt = 0;
      // The first frame of the server shows that it has let us in, and only then there are no failures.
      if (wanted.size) ask({ type: 'subscribe', channels: [...wanted] });
      else ask({ type: 'ping', timestamp: Date.now() });
      later(() => retry({ reason: 'no answer' }), ANSWER_MS);
    });
    opened.onmessage = of(({ data }) => read(data));
    opened.onclose = of((event) => closed(event));
    // A network that swallows everything never says that it has failed.
    later(() => retry({ reason: 'no answer' }), ANSWER_MS);
  }

  function read(data) {
    let frames;
    try {
      frames = [JSON.parse(data)].flat();
    } catch {
      return tell('error', { code: 'invalid_json', message: 'the server sent something that is not JSON' });
    }
    const mine = turn;
    for (const frame of frames) if (mine === turn) take(frame);
  }

  function take(frame) {
    const { type } = frame ?? {};
    const isAnswer = !wanted.size || type === 'subscribed' || (type === 'error' && frame.code === 'unknown_channel');
    if (state !== 'online' && isAnswer) {
      failures = 0;
      // Subscribed and unsubscribed while it was on its way.
      become('online');
      watch();
    }
    heardAt = Date.now();
    if (type === 'error') tell('error', { code: frame.code, message: frame.message });
    // What comes until it goes is still heard.
    else if (type === 'drain') later(() => leave({}), spread(frame.in_ms, frame.spread_ms));
    else if (!['pong', 'heartbeat', 'subscribed', 'unsubscribed'].includes(type)) tell('update', frame);
  }

  /** Looks whether the other end is alive: any frame counts. By the clock, because timers sleep when the machine does. */
  function watch(left = heartbeat.failureThreshold) {
    later(() => {
      if (Date.now() - heardAt < heartbeat.intervalMs) return watch();
      question(left);
    }, heartbeat.intervalMs);
  }

  function question(left, ms = heartbeat.timeoutMs) {
    const askedAt = Date.now();
    ask({ type: 'ping', timestamp: askedAt });
    later(() => {
      if (heardAt >= askedAt) watch();
      else if (left > 1) question(left - 1, ms);
      else retry({ reason: 'silence' });
    }, ms);
  }

  function closed({ code, reason }) {
    const why = { code, ...details(reason) };
    if (code >= 4300 && code < 4400 && typeof url !== 'function') stop(why);
    else if (code === 4003 || (code >= 4400 && code < 4500)) stop(why);
    else if (code === 4100 || code === 4101) leave({ ms: spread(0, why.spread_ms ?? 1000) });
    else retry(why);
  }

  /** The server goes: another one, or the next of this one, waits behind the gate. */
  function leave({ ms = 0 }) {
    drop();
    turn += 1;
    become('reconnecting', { reason: 'draining' });
    later(pass, ms);
  }

  function retry(why) {
    drop();
    turn += 1;
    const { maxAttempts, initialDelayMs, backoffMultiplier, maxDelayMs, jitter } = reconnect;
    const bound = Math.min(initialDelayMs * backoffMultiplier ** failures, maxDelayMs);
    const floor = Math.min(bound, FLOOR_MS);
    failures += 1;
    become(failures >= maxAttempts ? 'offline' : 'reconnecting', why);
    const drawn = jitter ? floor + Math.random() * (bound - floor) : bound;
    later(pass, Math.max(drawn, why.retry_ms ?? 0));
  }

  function drop() {
    clearTimeout(timer);
    const old = socket;
    socket = undefined;
    if (!old) return;
    old.onopen = old.onmessage = old.onclose = null;
    // Closed while it opens, a socket writes an error into the page's console.
    if (old.readyState === WebSocket.CONNECTING) old.onopen = () => old.close(1000);
    else old.close(1000);
  }

  function stop(why) {
    end.abort();
    drop();
    turn += 1;
    become('stopped', why);
  }

  function tryNow() {
    if (state === 'stopped') return;
    // What seems to be open may have died in our sleep: one question decides.
    if (state === 'online') return question(1, ANSWER_MS);
    failures = 0;
    if (!socket) pass();
  }
  const wake = ({ type, persisted }) => {
    // The first `pageshow` says nothing new.
    if (document.visibilityState === 'visible' && (type !== 'pageshow' || persisted)) tryNow();
  };
  for (const [target, name] of [[document, 'visibilitychange'], [window, 'online'], [window, 'pageshow']])
    target.addEventListener(name, wake, { signal: end.signal });

  function on(name, listener) {
    if (!Object.hasOwn(listeners, name)) throw invalid(`there is no event ${name}.`);
    // The same function given twice is two listeners.
    const mine = (...values) => listener(...values);
    listeners[name].add(mine);
    return () => void listeners[name].delete(mine);
  }
  if (onUpdate) on('update', onUpdate);
  if (onState) on('state', onState);
  if (onError) on('error', onError);
  pass();
  return {
    on,
    state: () => state,
    channels: () => [...wanted],
    subscribe(...names) {
      const fresh = names.flat().filter((name) => !wanted.has(name));
      fresh.forEach((name) => wanted.add(name));
      if (fresh.length) ask({ type: 'subscribe', channels: fresh });
    },
    unsubscribe(...names) {
      const gone = names.flat().filter((name) => wanted.delete(name));
      if (gone.length) ask({ type: 'unsubscribe', channels: gone });
    },
    send: (frame) => state === 'online' && ask(frame) === true,
    tryNow,
    close: () => state === 'stopped' || stop({ reason: 'closed' }),
  };
}

/** The addresses of a feed and of its gate. */
function addresses(url, gate) {
  let feed;
  try {
    feed = new URL(url, location.href);
  } catch {
    throw invalid(`${url} is no address.`);
  }
  feed.protocol = feed.protocol.replace('http', 'ws');
  const asked = new URL(feed);
  asked.protocol = asked.protocol.replace('ws', 'http');
  return { feed: feed.href, gate: gate === false ? undefined : new URL(gate ?? '/health?ws=1', asked.origin) };
}

/** A moment of one's own, so that not all come at once. */
function spread(from = 0, width = 0) {
  return from + Math.random() * width;
}

/** What a close says beside its code. */
function details(reason) {
  try {
    return Object(JSON.parse(reason));
  } catch {
    return { reason };
  }
}
