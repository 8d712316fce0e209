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
  | 'wasm_blocked';

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

// ---------------------------------------------------------------------------------------------------------------- the headless link

/** A visitor's link names the site; an operator's the dialog, with a token. */
export type ConnectOptions = LinkOptions & ({ siteToken: string } | { dialogId: number; token: string });

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
  /** The server will not have this link: a close code, and why. */
  refused: { code: number; reason: string };
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
  banner: 'none' | 'reconnecting' | 'offline' | 'refused';
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
  delivery: 'sending' | 'unconfirmed' | 'unsaved' | 'sent' | 'delivered' | 'read' | 'expired' | 'refused';
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
