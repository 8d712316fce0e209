// The round sign of a site: its initial in its colour.

const COLOR = /^#[0-9a-f]{6}$/i;
const NEUTRAL = '#5b6478';

/** Paints the sign of a site into an element. */
export function paintAvatar(element, { siteName, siteColor }) {
  const color = COLOR.test(siteColor) ? siteColor : NEUTRAL;
  element.textContent = [...siteName][0]?.toUpperCase() ?? '•';
  element.style.setProperty('background-color', color);
  element.style.setProperty('color', luminance(color) > 0.183 ? '#10131c' : '#fff');
}

// WCAG 2: above 0.183 black letters have more contrast than white ones.
function luminance(color) {
  const [red, green, blue] = [1, 3, 5]
    .map((at) => Number.parseInt(color.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
