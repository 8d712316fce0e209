// Text stays text, whoever wrote it and wherever it is shown.
import { test, expect } from './fixtures.mjs';
import { addSite, snippet } from './host.mjs';
import { Operator } from './operator.mjs';
import { Visitor } from './visitor.mjs';

const CORPUS = [
  '<script>pwned()</script>',
  '<img src=x onerror=pwned()>',
  '<svg onload=pwned()>',
  '<svg><script>pwned()</script></svg>',
  '"><img src=x onerror=pwned()>',
  `'"--></style></script><script>pwned()</script>`,
  '<iframe srcdoc="<script>parent.pwned()</script>"></iframe>',
  '<iframe src="javascript:parent.pwned()"></iframe>',
  '<a href="javascript:pwned()">click</a>',
  'javascript:pwned()',
  'JaVaScRiPt:pwned()',
  'java\tscript:pwned()',
  'javascript://https://example.com/%0Apwned()',
  'data:text/html,<script>pwned()</script>',
  'vbscript:pwned()',
  '[click](javascript:pwned())',
  '![x](x"onerror="pwned())',
  'https://example.com/"onmouseover="pwned()',
  "https://example.com/'onmouseover='pwned()",
  'https://example.com/<img src=x onerror=pwned()>',
  'https://javascript:pwned()@example.com/',
  'mailto:a@example.com?subject=<script>pwned()</script>',
  'http://example.com/javascript:pwned()',
  '<details open ontoggle=pwned()>',
  '<math><mtext><table><mglyph><style><img src=x onerror=pwned()>',
  '<body onload=pwned()>',
  '<base href="https://evil.example/">',
  '<meta http-equiv="refresh" content="0;url=javascript:pwned()">',
  '<form action="javascript:pwned()"><button>go</button></form>',
  '&lt;script&gt;pwned()&lt;/script&gt; &amp; &#60;b&#62;',
  '{{constructor.constructor("pwned()")()}} ${pwned()} #{pwned()} <%= pwned() %>',
  '\u202Egnp.exe\u202C \u2066abc\u2069 \u200B\uFEFF',
  'line\u2028separator\u2029paragraph',
  '__proto__',
  'constructor',
  '</textarea><script>pwned()</script>',
  '<template shadowrootmode=open><img src=x onerror=pwned()></template>',
];

/** Counts calls of what the corpus tries to call, and of everything that opens a dialog. */
async function setTraps(page) {
  const sprung = [];
  await page.exposeFunction('pwned', () => sprung.push('pwned was called'));
  page.on('dialog', async (dialog) => {
    sprung.push(`a dialog: ${dialog.message()}`);
    await dialog.dismiss();
  });
  return sprung;
}

/** Expects these texts in these elements, with links of three kinds as the only elements within. */
async function expectPlain(elements, texts) {
  await expect.poll(() => elements.allTextContents(), { timeout: 30_000 }).toEqual(texts);
  const inside = await elements.evaluateAll((nodes) =>
    nodes.flatMap((node) => [...node.querySelectorAll('*')].map((element) => [element.localName, element.getAttribute('href')])),
  );
  expect(inside.length, 'the corpus has links').toBeGreaterThan(0);
  for (const [name, address] of inside) {
    expect(name).toBe('a');
    expect(address).toMatch(/^(https?:\/\/|mailto:)/);
    expect(['http:', 'https:', 'mailto:']).toContain(new URL(address).protocol);
  }
}

test('nothing that a visitor writes becomes markup, on either side', async ({ page, host, rejoin, someone }) => {
  test.slow();
  const token = await addSite(rejoin, { origins: [host.url] });
  // This page has no policy of its own: nothing but the widget stands in the way.
  const sprung = [await setTraps(page)];
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
  for (const text of CORPUS) await visitor.send(text);
  await visitor.expectDelivery(CORPUS.at(-1), 'sent');
  const dialogId = await visitor.dialogId();

  const desk = await someone();
  sprung.push(await setTraps(desk));
  const operator = await Operator.hire(desk, rejoin, { email: 'ann@soap.example', name: 'Ann' });
  await operator.open(dialogId);
  await expectPlain(visitor.bubbles, ['Welcome to the soap shop.', ...CORPUS]);
  await expectPlain(operator.messages.locator('.text'), ['Welcome to the soap shop.', ...CORPUS]);

  // And the other way round.
  for (const text of CORPUS) await operator.send(text);
  const both = ['Welcome to the soap shop.', ...CORPUS, ...CORPUS];
  await expectPlain(visitor.bubbles, both);
  await expectPlain(operator.messages.locator('.text'), both);

  // A reload shows it from the log.
  await page.reload();
  await visitor.open();
  await expectPlain(visitor.bubbles, both.slice(-50));
  expect(sprung.flat()).toEqual([]);
});

test('what comes by the API is text too, names and welcomes included', async ({ page, host, rejoin, someone }) => {
  const evil = '<img src=x onerror=pwned()>';
  const token = await addSite(rejoin, { origins: [host.url], name: evil, welcome: evil });
  const sprung = [await setTraps(page)];
  const visitor = await Visitor.visit(page, host.page('/', snippet(rejoin, token)));
  await expect(visitor.dialog.getByRole('heading')).toHaveText(evil);
  expect(await visitor.texts()).toEqual([evil]);
  await visitor.send('Hello');
  const dialogId = await visitor.dialogId();
  const key = await page.evaluate((name) => localStorage.getItem(name), `rejoin:${token}:key`);
  for (const text of CORPUS) {
    const response = await fetch(`${rejoin.url}/api/site/dialogs/${dialogId}/messages?site_token=${token}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ text }),
    });
    expect(response.status).toBe(201);
  }
  await expectPlain(visitor.bubbles, [evil, 'Hello', ...CORPUS]);

  const desk = await someone();
  sprung.push(await setTraps(desk));
  const operator = await Operator.hire(desk, rejoin, { email: 'ann@soap.example', name: evil });
  await operator.open(dialogId);
  await operator.send('An answer');
  await expect(visitor.log.getByText(evil, { exact: true }).first()).toBeAttached();
  await expect(operator.lines.first()).toContainText('An answer');
  expect(sprung.flat()).toEqual([]);
});
