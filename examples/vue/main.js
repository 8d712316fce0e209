import { createApp, defineComponent, h, ref } from 'vue';
import { useChat } from './useChat.js';

const { base = 'https://chat.example.com', token = 'st_demo' } = Object.fromEntries(new URLSearchParams(location.search));
const options = { siteToken: token, baseUrl: base };

const Launcher = defineComponent(() => {
  const { unread, open } = useChat(options);
  return () => h('p', [h('button', { onClick: open }, 'Chat with us'), h('output', unread.value)]);
});

const Inline = defineComponent(() => {
  const place = ref(null);
  useChat(options, place);
  return () => h('div', { ref: place, style: 'height: 480px' });
});

const pages = { shop: Launcher, help: Inline, quiet: () => h('p', 'Nothing to see here.') };
const App = defineComponent(() => {
  const page = ref('shop');
  const turn = (name) => h('button', { onClick: () => (page.value = name) }, name);
  return () => [h('nav', Object.keys(pages).map(turn)), h(pages[page.value], { key: page.value })];
});

createApp(App).mount('#app');
