// Errors that pages write to their consoles or throw, and which of them a test expects.

/** What Chromium itself writes when a connection fails; tests that break connections allow it. */
export const CONNECTION_TROUBLE =
  /net::ERR_(CONNECTION_\w+|EMPTY_RESPONSE|INCOMPLETE_CHUNKED_ENCODING|INTERNET_DISCONNECTED|NETWORK_CHANGED|SOCKET_NOT_CONNECTED|TIMED_OUT)|WebSocket connection to '[^']*' failed/;
/** What it writes when a server that is going away closes its gate. */
export const GATE_CLOSED = /503 \(Service Unavailable\).*\/health\?ws=1/;

export class Noise {
  #heard = [];
  #allowed = [];

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
