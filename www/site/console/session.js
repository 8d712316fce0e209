// Who is logged in. The token lives in this tab's sessionStorage, and in no address.

const KEY = 'rejoin.console.session';

/** Makes the session of this tab; `changed()` is called after each log-in and log-out. */
export function createSession(changed) {
  let current = fromAddress() ?? stored();
  if (current) sessionStorage.setItem(KEY, JSON.stringify(current));

  return {
    /** The token, or an empty string. */
    get token() {
      return current?.token ?? '';
    },
    /** The operator's shown name. */
    get name() {
      return current?.name ?? '';
    },
    /** Whether a token is of another operator than the one of this session. */
    isOther: (token) => Boolean(current) && claims(token).sub !== claims(current.token).sub,
    begin({ token, name }) {
      current = { token, name };
      sessionStorage.setItem(KEY, JSON.stringify(current));
      changed();
    },
    end() {
      current = undefined;
      sessionStorage.removeItem(KEY);
      changed();
    },
  };
}

// `/console#token=…` logs in. A fragment is never sent to a server, and leaves the address bar at once.
function fromAddress() {
  const match = /^#token=([^&]+)/.exec(location.hash);
  if (!match) return undefined;
  history.replaceState(null, '', location.pathname + location.search);
  const token = decodeURIComponent(match[1]);
  return { token, name: claims(token).name ?? '' };
}

function stored() {
  try {
    const session = JSON.parse(sessionStorage.getItem(KEY));
    const expired = claims(session.token).exp * 1000 < Date.now();
    return expired ? undefined : session;
  } catch {
    return undefined;
  }
}

// Read for display only: the server alone can tell whether the token is good.
function claims(token) {
  try {
    const bytes = Uint8Array.from(
      atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')),
      (letter) => letter.codePointAt(0),
    );
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return {};
  }
}
