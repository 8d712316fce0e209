import { useEffect, useRef } from 'react';
import { createChat } from 'rejoin';

/**
 * The chat of a site: a launcher in the corner, or inline in the element that this renders.
 *
 * Effects may run twice (strict mode), and may end before the chat is there: there is one widget all the same, and none is left behind.
 */
export function Chat({ siteToken, baseUrl, inline = false, onUnread }) {
  const place = useRef(null);
  const tell = useRef(onUnread);
  tell.current = onUnread;

  useEffect(() => {
    let ended = false;
    let chat;
    createChat({ siteToken, baseUrl, ...(inline && { ui: 'inline', mount: place.current }) }).then((made) => {
      if (ended) return made.destroy();
      chat = made;
      chat.on('unread', (count) => tell.current?.(count));
    }, console.error);
    return () => {
      ended = true;
      chat?.destroy();
    };
  }, [siteToken, baseUrl, inline]);

  return inline ? <div ref={place} style={{ height: 480 }} /> : null;
}
