// Text of a message: always as text; addresses of the web become links.

const ADDRESS = /https?:\/\/[^\s<>"]+/g;
const TRAILING = /[.,;:!?)\]}'’”»]+$/;

/** Puts a message's text into an element, in place of what was there. */
export function showText(element, text) {
  const parts = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(ADDRESS)) {
    const address = found.replace(TRAILING, '');
    if (!URL.canParse(address)) continue;
    parts.push(text.slice(end, index), link(address));
    end = index + address.length;
  }
  element.replaceChildren(...parts, text.slice(end));
}

function link(address) {
  const element = document.createElement('a');
  element.href = address;
  element.rel = 'noopener noreferrer nofollow';
  element.target = '_blank';
  element.textContent = address;
  return element;
}
