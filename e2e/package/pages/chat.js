// A page that puts up the widget, and takes it down.
import { createChat } from 'rejoin';

const query = new URLSearchParams(location.search);
const options = { siteToken: query.get('token'), baseUrl: query.get('base') };
if (query.get('ui') === 'inline') Object.assign(options, { ui: 'inline', mount: '#chat' });
if (query.get('assets')) options.assets = query.get('assets');
if (query.get('assistant')) (options.assistantId = query.get('assistant')), delete options.siteToken;

globalThis.told = [];
globalThis.create = async (more) => {
  const chat = await createChat({ ...options, ...more });
  chat.on('ready', () => told.push('ready'));
  chat.on('open', () => told.push('open'));
  chat.on('error', (code) => told.push(code));
  return chat;
};
globalThis.chat = await create();
