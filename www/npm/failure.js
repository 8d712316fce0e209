/** What the package throws: `code` is one of those in docs/troubleshooting.md, the message says what to do. */
export class RejoinError extends Error {
  constructor(code, message, options) {
    super(`${code}: ${message}`, options);
    this.name = 'RejoinError';
    this.code = code;
  }
}
