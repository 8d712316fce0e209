// The round sign of a site: its initial, in one of eight colours that carry white letters.

const COLORS = ['#9c4a26', '#0b6573', '#8a2f6b', '#3f6b1d', '#3a4bd8', '#a33030', '#5b4a9e', '#5b6478'];

/** Paints the sign of a site into an element. */
export function paintAvatar(element, { siteId, siteName }) {
  element.textContent = [...siteName][0]?.toUpperCase() ?? '';
  element.style.setProperty('background-color', COLORS[siteId % COLORS.length]);
}
