// Compiled, never run: what a page may write, and what the compiler must refuse.
import { createChat, type Chat } from 'rejoin';

const baseUrl = 'https://chat.example.com';

export async function page(): Promise<Chat> {
  const chat = await createChat({
    siteToken: 'st_demo',
    baseUrl,
    ui: 'inline',
    mount: document.body,
    theme: 'dark',
    color: '#ffd400',
    offset: [40, 20],
    sound: false,
    storage: 'none',
  });
  const off: () => void = chat.on('unread', (count) => count.toFixed());
  off();
  chat.on('connection', (state) => state.startsWith('online'));
  chat.send('Hello');
  const unread: number | undefined = chat.get('unread');
  unread?.toFixed();
  await createChat({ assistantId: 3, baseUrl });
  await createChat({ siteToken: 'st_demo', assistantId: '3', baseUrl, mode: 'auto', assets: 'server', nonce: 'abc' });
  // @ts-expect-error: neither a site nor an assistant
  await createChat({ baseUrl });
  // @ts-expect-error: where is the server?
  await createChat({ siteToken: 'st_demo' });
  // @ts-expect-error: no such theme
  chat.theme('blue');
  // @ts-expect-error: no such event
  chat.on('opened', () => {});
  return chat;
}
