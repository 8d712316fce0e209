// The conversation on the screen: one element for each message and each day, kept while their keys last.

import { showDelivery } from './delivery.js';
import { showText } from './text.js';
import { dayName, fullTime, startOfDay, timeOfDay } from './time.js';

const GROUP_MS = 5 * 60_000;

/** Makes the view of a conversation in `element`; `retry(key)` asks for a message to be sent again, `showFile(element, file)` shows what came with one. */
export function createLog(element, { messageTemplate, dayTemplate, retry, showFile }) {
  let rows = new Map();
  element.addEventListener('click', (event) => {
    if (event.target.matches('.retry')) retry(event.target.closest('.message').dataset.key);
  });

  return {
    /** Shows these items, oldest first; `me` is the operator's own name. */
    show(items, me) {
      const kept = new Map();
      let next = element.firstElementChild;
      const place = (key, make) => {
        const row = rows.get(key) ?? { node: make() };
        kept.set(key, row);
        if (row.node === next) next = next.nextElementSibling;
        else element.insertBefore(row.node, next);
        return row;
      };
      let before;
      for (const item of items) {
        const day = item.at ? startOfDay(item.at) : before?.day;
        if (day && day !== before?.day) showDay(place(`day ${day}`, () => clone(dayTemplate)), item.at);
        const row = place(item.key, () => clone(messageTemplate));
        // What began without a place in the log was written on this page.
        row.isMine ||= item.own && item.seq === 0;
        const name = row.isMine ? 'You' : authorName(item.author, me);
        const follows = before?.day === day && before?.name === name && item.at - before.at < GROUP_MS;
        showMessage(row, item, { name, follows });
        if (item.file && row.file !== item.file.id) {
          row.file = item.file.id;
          showFile(row.node.querySelector('.text'), item.file);
        }
        before = { day, name, at: item.at };
      }
      for (const [key, row] of rows) if (!kept.has(key)) row.node.remove();
      rows = kept;
    },
    /** Forgets everything. */
    clear() {
      rows = new Map();
      element.replaceChildren();
    },
  };
}

function clone(template) {
  return template.content.firstElementChild.cloneNode(true);
}

function showDay(row, at) {
  row.node.firstElementChild.textContent = dayName(at);
}

function showMessage(row, item, { name, follows }) {
  const state = [item.text, item.at, item.own && item.delivery, name, follows].join('\n');
  if (row.state === state) return;
  const { node } = row;
  if (row.text !== item.text) showText(node.querySelector('.text'), item.text);
  node.dataset.key = item.key;
  node.dataset.author = item.author.kind;
  node.classList.toggle('own', item.own);
  node.classList.toggle('follows', follows);
  node.querySelector('.author').textContent = name;
  const time = node.querySelector('time');
  time.textContent = item.at ? timeOfDay(item.at) : '';
  time.title = item.at ? fullTime(item.at) : '';
  if (item.at) time.dateTime = new Date(item.at).toISOString();
  showDelivery(node, item);
  row.state = state;
  row.text = item.text;
}

function authorName({ kind, name }, me) {
  if (kind === 'visitor') return name || 'Visitor';
  if (kind === 'system') return name ? `${name} (welcome message)` : 'Welcome message';
  if (kind === 'assistant') return `${name || 'Assistant'} (assistant)`;
  return name && name === me ? 'You' : name || 'Operator';
}
