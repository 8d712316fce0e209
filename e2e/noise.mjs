// Errors that pages write to their consoles or throw, and which of them a test expects.

/** What Chromium and Firefox themselves write when a connection fails; tests that break connections allow it. */
export const CONNECTION_TROUBLE = new RegExp(
  [
    'net::ERR_(CONNECTION_\\w+|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|INTERNET_DISCONNECTED|NETWORK_CHANGED|SOCKET_NOT_CONNECTED|TIMED_OUT)',
    "WebSocket connection to '[^']*' failed",
    'Firefox can’t establish a connection to the server at ws',
    'The connection to ws\\S+ was interrupted while the page was loading',
    'Cross-Origin Request Blocked: .*CORS request did not succeed',
  ].join('|'),
);
/** What Chromium writes when a server that is going away closes its gate. */
export const GATE_CLOSED = /503 \(Service Unavailable\).*\/health\?ws=1/;

/** Firefox reports under a policy what Playwright's screenshots put into a page: `body {}`, by its hash. */
const SCREENSHOT = /sha256-YjaKGiklmzC6wjXA513HAMmzus8VE61XCOT\+SmwNZWA=/;

export class Noise {
  #heard = [];
  #allowed = [SCREENSHOT];

  /** Hears every page of a browser context, those that are opened later too. */
  listen(context) {
    context.on('console', (message) => {
      if (message.type() === 'error') this.#heard.push(`${message.text()} (${message.location().url})`);
    });
    context.on('weberror', (event) => this.#heard.push(`uncaught: ${event.error().stack ?? event.error()}`));
    context.on('page', (page) => page.on('crash', () => this.#heard.push('the page crashed')));
  }

  /** Lets errors that match a pattern happen in this test. */
  allow(...patterns) {
    this.#allowed.push(...patterns);
  }

  /** All errors so far, the allowed ones too. */
  heard() {
    return [...this.#heard];
  }

  /** The errors that no pattern allows. */
  unexpected() {
    return this.#heard.filter((line) => !this.#allowed.some((pattern) => pattern.test(line)));
  }
}
