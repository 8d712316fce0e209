// How far an own message has come: its ticks, and the same in words.

const STATES = {
  sending: { ticks: '', words: 'Sending' },
  unconfirmed: { ticks: '', words: 'Not confirmed yet' },
  unsaved: { ticks: '', words: 'Sending, keep this page open' },
  sent: { ticks: '✓', words: 'Sent' },
  delivered: { ticks: '✓✓', words: 'Delivered' },
  read: { ticks: '✓✓', words: 'Read' },
  expired: { ticks: '!', words: 'Not sent' },
  refused: { ticks: '!', words: 'Not accepted' },
};

/** Shows a delivery state on a message's element; nothing for messages of others. */
export function showDelivery(element, { own, delivery }) {
  const state = own ? STATES[delivery] : undefined;
  element.dataset.delivery = state ? delivery : '';
  element.querySelector('.ticks').textContent = state?.ticks ?? '';
  element.querySelector('.delivery').textContent = state?.words ?? '';
  element.querySelector('.retry').hidden = !own || delivery !== 'expired';
}
