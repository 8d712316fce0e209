import { onBeforeUnmount, onMounted, ref } from 'vue';
import { createChat } from 'rejoin';

/** The chat of a site, as long as the component lives; `place` is the element to fill where it is inline. */
export function useChat(options, place) {
  const unread = ref(0);
  let chat;
  let ended = false;
  onMounted(async () => {
    const made = await createChat({ ...options, ...(place && { ui: 'inline', mount: place.value }) });
    if (ended) return made.destroy();
    chat = made;
    chat.on('unread', (count) => (unread.value = count));
  });
  onBeforeUnmount(() => {
    ended = true;
    chat?.destroy();
  });
  return { unread, open: () => chat?.open() };
}
