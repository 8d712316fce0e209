// Pictures to send, made by the browser.

/** A picture of 64 × 48 in one colour, made by the browser. */
export async function picture(page, colour = '#c33') {
  const base64 = await page.evaluate(async (fill) => {
    const canvas = new OffscreenCanvas(64, 48);
    const context = canvas.getContext('2d');
    context.fillStyle = fill;
    context.fillRect(0, 0, 64, 48);
    const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
    return btoa(String.fromCharCode(...bytes));
  }, colour);
  return Buffer.from(base64, 'base64');
}
