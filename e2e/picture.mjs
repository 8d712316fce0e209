// Pictures to send, made by the browser.

/** The bytes of a PNG in one colour, its size in px; with something that looks like a thing on a table, if that is asked for. */
export async function picture(page, colour = '#c33', { width = 64, height = 48, thing } = {}) {
  const base64 = await page.evaluate(
    async ({ colour, width, height, thing }) => {
      const canvas = new OffscreenCanvas(width, height);
      const context = canvas.getContext('2d');
      context.fillStyle = colour;
      context.fillRect(0, 0, width, height);
      if (thing) {
        context.fillStyle = thing;
        context.ellipse(width / 2, height / 2, width / 3, height / 5, 0, 0, 7);
        context.fill();
      }
      const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
      return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
    },
    { colour, width, height, thing },
  );
  return Buffer.from(base64, 'base64');
}
