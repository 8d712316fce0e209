// The package `rejoin`; index.d.ts says what it promises.
import { openChat } from './chat.js';
import { openFeed } from './feed.js';
import { openLink } from './link.js';

export { RejoinError } from './failure.js';

// Written out in each entry, as bundlers know it: they carry the file along and put its address here.
const source = () => new URL('./rejoin.wasm', import.meta.url);

export const createChat = (options) => openChat(options, source);
export const connect = (options) => openLink(options, source);
export const subscribe = (options) => openFeed(options);
