// The same with the WebAssembly inside the script, for bundlers that do not carry files along.
import text from './rejoin.wasm';
import { openChat } from './chat.js';
import { openFeed } from './feed.js';
import { openLink } from './link.js';

export { RejoinError } from './failure.js';

const source = () => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export const createChat = (options) => openChat(options, source);
export const connect = (options) => openLink(options, source);
export const subscribe = (options) => openFeed(options);
