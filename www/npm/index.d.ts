// The promise of the package `rejoin`. docs/api.md tells more; tests hold both to the code.

/** What the package throws, or rejects with: `code` is one of those in docs/troubleshooting.md. */
export class RejoinError extends Error {
  readonly code: ErrorCode;
}

export type ErrorCode =
  /** Called on a server or in a worker. */
  | 'no_window'
  /** Neither site token, assistant nor dialog. */
  | 'no_site'
  /** An option is missing, unknown or of another shape; the message names it. */
  | 'invalid_option'
  /** The WebAssembly could not be fetched. */
  | 'offline'
  /** The page's policy forbids WebAssembly. */
  | 'wasm_blocked'
  /** There is another chat on this page. */
  | 'busy';

/** Where the WebAssembly is, if not in the package: an address, a response, its bytes, or a compiled module. */
export type WasmSource = string | URL | Response | PromiseLike<Response> | BufferSource | WebAssembly.Module;

/** What a reload finds again: everything; what this tab did; nothing. */
export type Storage = 'local' | 'session' | 'none';

/** How the link is; with anything that begins with `online`, messages flow. */
export type LinkState =
  | 'idle'
  | 'connecting'
  | 'online'
  | 'online-sse'
  | 'online-long-polling'
  | 'online-polling'
  | 'reconnecting'
  | 'offline'
  | 'stopped';

export type Transport = '' | 'websocket' | 'sse' | 'long-polling' | 'polling';
export type HealthStatus = 'HEALTHY' | 'WARNING' | 'CRITICAL';

/** How links are opened again after a failure of their own; an outage of the server is waited for at its gate. */
export interface ReconnectOptions {
  /** After so many failures the state is `offline`; slow tries go on. Default 10. */
  maxAttempts?: number;
  /** Default 1000. */
  initialDelayMs?: number;
  /** Default 1.5. */
  backoffMultiplier?: number;
  /** Default 30,000. */
  maxDelayMs?: number;
  /** Default true. */
  jitter?: boolean;
}

// ------------------------------------------------------------------------------------------------------------------------ the widget

/** Which site; or which assistant, in an iframe; with both, the iframe is taken where the page forbids WebAssembly. */
export type ChatOptions = WidgetOptions & ({ siteToken: string; assistantId?: number | string } | { assistantId: number | string });

export interface WidgetOptions {
  /** The server's address: `https://chat.example.com`. */
  baseUrl: string;
  /** A launcher in the corner of the page, or the panel itself within `mount`. Default `launcher`. */
  ui?: 'launcher' | 'inline';
  /** The element to stand in, or its selector; inline, the panel fills it. A launcher stands beside the body without it. */
  mount?: Element | string;
  mode?: 'auto' | 'direct' | 'iframe';
  /** The language: `de`, `pt-BR`; `auto`, the visitor's own. Default: that of the page's `lang`, else the site's, else the visitor's own. */
  locale?: string;
  /** What the launcher is called, instead of "Open chat" in that language. */
  label?: string;
  theme?: Theme;
  /** `#rrggbb`, instead of the site's own. */
  color?: string;
  position?: 'right' | 'left';
  /** Pixels from the corner, or those from the side and from the bottom. */
  offset?: number | [side: number, bottom: number];
  /** `none` where the page has a button of its own. */
  launcher?: 'bubble' | 'none';
  /** Opens at once. */
  open?: boolean;
  /** No launcher on narrow screens that a finger points at. */
  hideOnMobile?: boolean;
  /** Whether it rings for a message that nobody is looking at. Default true. */
  sound?: boolean;
  storage?: Storage;
  /** `server` has the server's own `widget.js` do everything: always its version, but the page's policy has to let it in. Default `package`. */
  assets?: 'package' | 'server';
  /** For a policy with nonces, with `assets: 'server'`: that of the script tag. The package itself needs none. */
  nonce?: string;
  /** Says who the visitor is: asked for a token that the site has signed, whenever one is needed. */
  getToken?: () => string | PromiseLike<string>;
  wasm?: WasmSource;
}

export type Theme = 'auto' | 'light' | 'dark';

/**
 * Puts the widget on the page; nothing is fetched before the visitor reaches for it.
 *
 * Asked for twice, it is there once, and goes when each who asked has called `destroy`: effects may run twice, and pages come and go.
 */
export function createChat(options: ChatOptions): Promise<Chat>;

export interface Chat {
  open(): void;
  close(): void;
  toggle(): void;
  /** Shows the launcher; inline, the panel. */
  show(): void;
  hide(): void;
  /** Sends a message of the visitor's. */
  send(text: string): void;
  /** Puts a text into the field. */
  compose(text: string): void;
  sound(on: boolean): void;
  theme(theme: Theme): void;
  locale(locale: string): void;
  /** Says who the visitor is: a token that the site has signed, or what gives one; another person than before starts afresh. */
  identify(token: string | (() => string | PromiseLike<string>)): void;
  /** What else operators should see. */
  attributes(attributes: Attributes): void;
  /** Nobody any more: the dialog ends here, and nothing of it is left in the browser. */
  logout(): void;
  get<Name extends keyof ChatState | keyof ChatEvents>(name: Name): (ChatState & Omit<ChatEvents, keyof ChatState>)[Name] | undefined;
  /** Listens; gives what ends it. */
  on<Name extends keyof ChatEvents>(name: Name, listener: (value: ChatEvents[Name]) => void): () => void;
  /** Takes the widget off the page, its listeners with it. What is not sent yet is kept for the next time. */
  destroy(): void;
}

/** How far an own message has come. */
export type DeliveryState = 'sending' | 'unconfirmed' | 'unsaved' | 'sent' | 'delivered' | 'read' | 'expired' | 'refused';

export interface ChatMessage {
  /** Its place in the dialog. */
  seq: number;
  id: string;
  author: { kind: 'visitor' | 'operator' | 'assistant' | 'system'; name: string };
  /** As it was written: text, never markup; empty where it is a file alone. */
  text: string;
  /** When it was stored, ms since 1970. */
  at: number;
}

export interface ChatState {
  /** How the link is. */
  state: LinkState;
  unread: number;
  /** There when the widget has been loaded. */
  version: string;
  /** The language that is spoken. */
  locale: string;
  /** There when there was a round trip. */
  quality: Record<string, number | string>;
  health: { status: HealthStatus; score: number; issues: string };
}

export interface ChatEvents {
  /** The widget is loaded: its version. */
  ready: string;
  open: undefined;
  close: undefined;
  /** A message of yours has come. */
  message: ChatMessage;
  /** How far a message of the visitor's has come. */
  status: { id: string; state: DeliveryState };
  /** Who answers now, from the first letter on. */
  agent: { kind: 'operator' | 'assistant'; name: string } | undefined;
  unread: number;
  connection: LinkState;
  /** Who is typing; empty: nobody. */
  typing: string;
  /** A token is needed: a function that was given has been asked; who gave a text gives another by `identify`. */
  credentials: undefined;
  /** The language has changed. */
  locale: string;
  quality: ChatState['quality'];
  health: ChatState['health'];
  /** Why it does not work: a code of docs/troubleshooting.md, which the console explains. */
  error: string;
}

// ---------------------------------------------------------------------------------------------------------------- the headless link

/**
 * A visitor's link names the site, with a token that the site has signed where it knows who the visitor is; an operator's the dialog, with
 * the operator's token.
 */
export type ConnectOptions = LinkOptions & ({ siteToken: string; token?: string } | { dialogId: number; token: string });

/** What a site says about its visitor: up to 20. */
export type Attributes = Record<string, string | number | boolean>;

export interface LinkOptions {
  /** The server's address; where it is missing, that of the page. */
  baseUrl?: string;
  /** Other servers over the same data, the best first. */
  servers?: string[];
  /** For visitors `local`, for operators `session`, unless told otherwise. */
  storage?: Storage;
  reconnect?: ReconnectOptions;
  heartbeat?: {
    /** A ping is sent so often. Default 30,000. */
    intervalMs?: number;
    /** No answer is waited for longer; a measured round trip shortens it. Default 10,000. */
    timeoutMs?: number;
    /** After so many pings without an answer the link is replaced. Default 3. */
    failureThreshold?: number;
  };
  /** What is not sent yet. */
  buffer?: {
    /** Messages. Default 1000. */
    maxSize?: number;
    /** Default 5000. */
    flushIntervalMs?: number;
    /** Sent at once when there are so many. Default 10. */
    batch?: number;
  };
  wasm?: WasmSource;
  /** Called whenever a token is needed: at the start for a visitor without one, and when one is not taken any more. */
  getToken?: () => string | PromiseLike<string>;
  /** Called with the first view, and with each that differs from the last. */
  onChange?: (view: View) => void;
}

/** Opens a link without a user interface, and keeps it open: the same client, and the same guarantees, as the widget's. */
export function connect(options: ConnectOptions): Promise<Link>;

/** One dialog's link. */
export interface Link {
  /** All that a person sees. */
  view(): View;
  /** Sends a message; it is kept until it is stored. `view().notice` tells when it was not taken. */
  send(text: string): void;
  /** Sends a message again that was given up, by its `key`. */
  retry(key: string): void;
  /** Tells what is written and not sent yet: it is kept, and the other side sees that somebody is typing. */
  draft(text: string): void;
  /** Tells whether the conversation is on the screen: then what comes counts as read. */
  panel(open: boolean): void;
  /** Asks for older messages. */
  older(): void;
  /** Reconnects at once. */
  tryNow(): void;
  /** Gives new credentials, after the event `credentials` or before. */
  credential(token: string): void;
  /** Says who the visitor is, by a token that the site has signed; another person than before starts afresh. */
  identify(token?: string): void;
  /** Says something about the visitor; all of it each time. */
  attributes(attributes: Attributes): void;
  /** Ends the visitor's dialog here, and leaves nothing of it in the browser; other pages follow. */
  logout(): void;
  quality(): Quality;
  health(): Health;
  counters(): Counters;
  /** The last 100 entries of the log, oldest first. */
  entries(): LogEntry[];
  entries(form: 'json' | 'plain'): string[];
  /** Calls back with each entry of the log from a level on; `off` ends it. */
  log(level: LogLevel, listener: (entry: LogEntry) => void): void;
  log(level: LogLevel, listener: (line: string) => void, form: 'json' | 'plain'): void;
  log(level: 'off'): void;
  /** Listens; gives what ends it. */
  on<Name extends keyof LinkEvents>(name: Name, listener: (value: LinkEvents[Name]) => void): () => void;
  /** Ends the link; an intentional end does not reconnect. */
  close(): void;
}

export interface LinkEvents {
  /** A message of the other side has come. */
  message: { seq: number };
  /** The dialog is known. */
  loaded: { dialogId: number };
  /** The credentials are not taken any more: give new ones by `credential`. */
  credentials: {};
  /**
   * The server will not have something: the close code or the HTTP status, and why, in one word. 401 `unauthorized` is the token, for which it is
   * asked again, and 400 `attributes` those alone; after anything else the link is over.
   */
  refused: { code: number; reason: string };
  /** The server has lost a file (JSON) before its message came, and the message is given up. A `Link` sends no files: put it up again where it came from. */
  lost: { file: string };
  /** With each round trip, and when the score changes. */
  quality: Report;
  /** The log here was not the server's; it is loaded again. */
  audit: { seq: number };
}

/** All that a person sees. */
export interface View {
  /** Null until the settings have come. */
  site: { name: string; color: string; assistant: string } | null;
  /** The conversation, oldest first. */
  items: Item[];
  older: 'none' | 'some' | 'loading';
  /** Messages of the other side that nobody has seen. */
  unread: number;
  /** Who is typing on the other side; empty: nobody; `…`: somebody without a name. */
  typing: string;
  /** The names of the operators that are there. */
  operators: string[];
  link: LinkState;
  /** What to tell the person about the link. */
  banner: 'none' | 'reconnecting' | 'limited' | 'offline' | 'refused';
  /** The text that an earlier page has left unsent. */
  draft: string;
  /** Why the last message was not taken. */
  notice: 'none' | 'too-long' | 'outbox-full';
}

export interface Item {
  /** Unique among the items, and never changes. */
  key: string;
  /** Its place in the log; 0 while it has none. */
  seq: number;
  author: { kind: 'visitor' | 'operator' | 'assistant' | 'system'; name?: string };
  /** Whether this side wrote it. */
  own: boolean;
  /** Text, never markup. */
  text: string;
  /** ms since 1970; 0 for the welcome before any dialog. */
  at: number;
  /** How far an own message has come. */
  delivery: DeliveryState;
  /** What came with it; then `text` may be empty. It is fetched with the link's credentials. */
  file?: ChatFile;
}

/** A file of a message. */
export interface ChatFile {
  id: string;
  name: string;
  /** What it is, by its first bytes: `image/png`. */
  mime: string;
  /** Bytes. */
  size: number;
  /** Pixels, of an image. */
  width?: number;
  height?: number;
}

export interface Quality {
  transport: Transport;
  /** Why this transport. */
  because: string;
  roundTripMs: number;
  roundTripsMs: number[];
  lossPermille: number;
  errorPermille: number;
  stabilityPermille: number;
  awayMs: number;
  recoveriesMs: number[];
}

export interface Health {
  status: HealthStatus;
  /** 0 to 100. */
  score: number;
  issues: { name: string; status: HealthStatus; value: number; bound: number }[];
}

/** Judgement and figures, by the names of docs/quality.md. */
export interface Report {
  status: HealthStatus;
  transport: Transport;
  because: string;
  score: number;
  [figure: string]: number | string;
}

export interface Counters {
  connectionAttempts: number;
  connectionSuccesses: number;
  connectionFailures: number;
  reconnections: number;
  recoveryMs: number;
  averageLatencyMs: number;
  heartbeatFailures: number;
  fallbackActivations: number;
  bufferSize: number;
  errorPermille: number;
  duplicates: number;
  gaps: number;
  auditFailures: number;
  /** By class. */
  errors: Record<string, number>;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogEntry {
  /** ISO 8601. */
  timestamp: string;
  level: LogLevel;
  component: string;
  event: string;
  data?: Record<string, number | string>;
  error?: { message: string; code: number; type: string; severity: string; action: string; context: string };
}

// -------------------------------------------------------------------------------------------------------------------------- the feed

export interface FeedOptions<Update = FeedUpdate> {
  /** The feed's address: `wss://…`, `https://…` or a path of the page's own server; a function is asked before each socket, for a fresh token. */
  url: string | URL | (() => string | URL | PromiseLike<string | URL>);
  /** What to hear of; the subscriptions are there again after each break. */
  channels?: string[];
  /**
   * What is asked before each socket. Default: `/health?ws=1` of the same server, which on another origin has to allow it (CORS) or to answer 404
   * readably; false: nothing, for servers that are none of ours.
   */
  gate?: string | URL | false;
  reconnect?: ReconnectOptions;
  heartbeat?: {
    /** After so long without a frame a ping is sent. Default 30,000. */
    intervalMs?: number;
    /** An answer is waited for so long. Default 10,000. */
    timeoutMs?: number;
    /** After so many pings without an answer the socket is replaced. Default 3. */
    failureThreshold?: number;
  };
  onUpdate?: (update: Update) => void;
  onState?: (state: FeedState, why?: FeedReason) => void;
  onError?: (error: FeedError) => void;
}

/** `online`: the subscriptions are confirmed. `offline`: many tries have failed; slow ones go on. */
export type FeedState = 'connecting' | 'online' | 'reconnecting' | 'offline' | 'stopped';

/** A frame, as the server has sent it; those of the link itself are left out. */
export interface FeedUpdate {
  type: string;
  [field: string]: unknown;
}

/** Why a feed is not there: perhaps a close code of docs/protocol.md. */
export interface FeedReason {
  code?: number;
  reason?: string;
  retry_ms?: number;
}

/** A frame of ours was not understood, or a channel does not exist; the feed lives on. */
export interface FeedError {
  code: string;
  message: string;
}

/** Opens a feed, and keeps it open with its subscriptions. */
export function subscribe<Update = FeedUpdate>(options: FeedOptions<Update>): Promise<Feed<Update>>;

export interface Feed<Update = FeedUpdate> {
  on(name: 'update', listener: (update: Update) => void): () => void;
  on(name: 'state', listener: (state: FeedState, why?: FeedReason) => void): () => void;
  on(name: 'error', listener: (error: FeedError) => void): () => void;
  state(): FeedState;
  /** What is subscribed to, now or as soon as there is a socket. */
  channels(): string[];
  subscribe(...channels: string[]): void;
  unsubscribe(...channels: string[]): void;
  /** Sends a frame, `{type: 'metrics', data}` say; tells whether there was a socket. Nothing is kept. */
  send(frame: { type: string; [field: string]: unknown }): boolean;
  /** Reconnects at once; of an open socket it is asked whether it lives. */
  tryNow(): void;
  /** Ends the feed; an intentional end does not reconnect. */
  close(): void;
}
