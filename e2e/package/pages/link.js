// A page with an interface of its own, over the headless link.
import { connect } from 'rejoin';

const query = new URLSearchParams(location.search);
const list = document.querySelector('[role=log]');
const field = document.querySelector('input');

const link = await connect({
  siteToken: query.get('token'),
  baseUrl: query.get('base'),
  onChange({ items, link: state }) {
    list.dataset.state = state;
    list.replaceChildren(
      ...items.map(({ text, delivery }) => {
        const row = document.createElement('li');
        row.textContent = text;
        row.dataset.delivery = delivery;
        return row;
      }),
    );
  },
});
document.querySelector('form').onsubmit = (event) => {
  event.preventDefault();
  link.send(field.value);
  field.value = '';
};
globalThis.link = link;
