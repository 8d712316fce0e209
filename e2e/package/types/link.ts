// Compiled, never run: what a page may write, and what the compiler must refuse.
import { connect, RejoinError, type Link, type View } from 'rejoin';
import * as inline from 'rejoin/inline';
import type { Link as Built } from '../../../target/www/package/package.js';

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : never) : never;
/** Every function of the module is promised, and no other. */
const functions: Same<keyof Link, Exclude<keyof Built, 'free' | typeof Symbol.dispose>> = true;
/** Whatever the promise lets a page pass, the module takes. */
type Takes<Name extends keyof Link & keyof Built> = Built[Name] extends (...words: infer Taken) => unknown
  ? Link[Name] extends (...words: infer Promised) => unknown
    ? Promised extends Taken
      ? true
      : never
    : never
  : never;
const send: Takes<'send'> = true;
const retry: Takes<'retry'> = true;
const draft: Takes<'draft'> = true;
const panel: Takes<'panel'> = true;
const credential: Takes<'credential'> = true;
const both: Same<typeof connect, typeof inline.connect> = true;
export { functions, send, retry, draft, panel, credential, both };

export async function page(): Promise<void> {
  const link = await connect({
    siteToken: 'st_demo',
    baseUrl: 'https://chat.example.com',
    servers: ['https://b.example.com'],
    storage: 'session',
    reconnect: { maxAttempts: 3, jitter: false },
    heartbeat: { intervalMs: 1000 },
    buffer: { maxSize: 10 },
    wasm: fetch('/rejoin.wasm'),
    onChange(view: View) {
      const texts: string[] = view.items.map(({ text }) => text);
      texts.join();
    },
  });
  const off: () => void = link.on('message', ({ seq }) => seq.toFixed());
  off();
  link.log('warn', (entry) => entry.error?.code.toFixed());
  link.log('debug', (line) => line.trim(), 'json');
  link.log('off');
  const lines: string[] = link.entries('plain');
  lines.join();
  await connect({ dialogId: 1000, token: 'ey…' });
  // @ts-expect-error: neither a site nor a dialog
  await connect({ baseUrl: 'https://chat.example.com' });
  // @ts-expect-error: an operator needs a token
  await connect({ dialogId: 1000 });
  // @ts-expect-error: an option that does not exist
  await connect({ siteToken: 'st_demo', colour: 'red' });
  // @ts-expect-error: an event that does not exist
  link.on('messages', () => {});
  // @ts-expect-error: closed over, not public
  link.free();
}

export function cure(error: unknown): string {
  if (!(error instanceof RejoinError)) return '';
  switch (error.code) {
    case 'no_window':
    case 'no_site':
    case 'invalid_option':
    case 'offline':
    case 'wasm_blocked':
    case 'busy':
      return error.message;
  }
}
