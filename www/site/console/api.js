// The HTTP API: JSON in, JSON out, and errors that say what is wrong.

const TIMEOUT_MS = 5000;

/** An error that can be shown to a person. */
export class ApiError extends Error {
  constructor(message, { status = 0, code = '' } = {}) {
    super(sentence(message));
    this.status = status;
    this.code = code;
  }
}

/** Logs in: `{token, name, expires_at}`. */
export function logIn(email, password) {
  return request('/api/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password }),
  });
}

/** A page of the dialogs that the operator may see, the latest first: `{dialogs, next}`. */
export function readDialogs(token, page) {
  return request(`/api/dialogs?${new URLSearchParams(page)}`, { headers: { authorization: `Bearer ${token}` } });
}

async function request(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, cache: 'no-store', signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (error) {
    const late = error.name === 'TimeoutError';
    throw new ApiError(late ? 'The server did not answer in time.' : 'The server cannot be reached.');
  }
  const body = await response.json().catch(() => undefined);
  if (response.ok && body !== undefined) return body;
  const { code, message } = body?.error ?? {};
  throw new ApiError(message || `The server answered with ${response.status}.`, { status: response.status, code });
}

// The API's messages begin in lower case and end without a stop.
function sentence(message) {
  const stop = /[.!?]$/.test(message) ? '' : '.';
  return message[0].toUpperCase() + message.slice(1) + stop;
}
