// What a site's own backend does: it knows its users, and signs who they are.
import { createHmac } from 'node:crypto';
import { addSite, snippet } from './host.mjs';

/** A site on `host` with an identity secret, and a page that has the chat. */
export async function knowingSite(rejoin, host, { page = '', attributes = '', required = false } = {}) {
  const token = await addSite(rejoin, { origins: [host.url] });
  const printed = await rejoin.command('site', 'identity', token, '--data', rejoin.data);
  const [, secret] = /^identity secret: (\S+)$/m.exec(printed);
  if (required) await rejoin.command('site', 'set', token, '--identity', 'required', '--data', rejoin.data);
  const stub = '<script>window.rejoin ||= function () { (rejoin.q ||= []).push(arguments) }</script>';
  const address = host.page('/', `${stub}${page}${snippet(rejoin, token, attributes)}`);
  return { token, secret, address, sign: (sub, claims) => sign(secret, { sub, name: `Name of ${sub}`, ...claims }) };
}

/** Signs a token that is good for an hour, where the claims do not say otherwise. */
export function sign(secret, claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const head = part({ alg: 'HS256', typ: 'JWT' });
  const body = part({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims });
  const signature = createHmac('sha256', secret).update(`${head}.${body}`).digest('base64url');
  return `${head}.${body}.${signature}`;
}

/** Everything that a page's origin has kept, wherever a browser keeps things. */
export function kept(page) {
  return page.evaluate(async () => ({
    local: Object.keys(localStorage),
    session: Object.keys(sessionStorage),
    cookies: document.cookie,
    databases: ((await indexedDB.databases?.()) ?? []).map(({ name }) => name),
    caches: globalThis.caches ? await caches.keys() : [],
  }));
}

export const NOTHING = { local: [], session: [], cookies: '', databases: [], caches: [] };
