// The plugin for WordPress (examples/wordpress), run by PHP within a stub of WordPress (e2e/wordpress/stub.php). The chat behind
// it is the real one: it says whether what PHP signs is taken.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { NOTHING, kept } from './backend.mjs';
import { test as base, expect } from './fixtures.mjs';
import { addSite } from './host.mjs';
import { Operator } from './operator.mjs';
import { repository } from './server.mjs';
import { Visitor } from './visitor.mjs';

const plugin = join(repository, 'examples/wordpress/rejoin.php');
const strict = ['-d', 'error_reporting=-1', '-d', 'display_errors=0', '-d', 'log_errors=1'];

/** A WordPress, as far as the plugin can tell: `users` by the cookie that names them, `constants` of wp-config.php. */
class WordPress {
  /** What PHP complained of. */
  complaints = [];

  static async start() {
    const wordpress = new WordPress();
    wordpress.folder = await mkdtemp(join(tmpdir(), 'rejoin-wordpress-'));
    wordpress.file = join(wordpress.folder, 'kept.json');
    await wordpress.keep({});
    const env = { ...process.env, REJOIN_STUB: wordpress.file };
    const words = [...strict, '-S', '127.0.0.1:0', join(repository, 'e2e/wordpress/stub.php')];
    wordpress.child = spawn('php', words, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    wordpress.url = await new Promise((resolve, reject) => {
      wordpress.child.once('exit', (code) => reject(new Error(`php has ended (${code})\n${wordpress.complaints.join('\n')}`)));
      createInterface({ input: wordpress.child.stderr }).on('line', (line) => {
        const started = /Development Server \((http:\/\/127\.0\.0\.1:\d+)\) started/.exec(line);
        if (started) resolve(started[1]);
        if (/PHP|Warning|Notice|Deprecated|Fatal/.test(line) && !started) wordpress.complaints.push(line);
      });
    });
    return wordpress;
  }

  async keep(more) {
    const before = JSON.parse(await readFile(this.file, 'utf8').catch(() => '{}'));
    await writeFile(this.file, JSON.stringify({ ...before, ...more }));
  }

  /** Fills in the form of the settings; gives what is kept of it, and what was wrong. */
  async save(settings) {
    const body = new URLSearchParams(Object.entries(settings).map(([name, value]) => [`rejoin[${name}]`, value]));
    return (await fetch(`${this.url}/wp-admin/options.php`, { method: 'POST', body })).json();
  }

  async text(path, options) {
    return (await fetch(this.url + path, options)).text();
  }

  async stop() {
    this.child.removeAllListeners('exit');
    this.child.kill();
    await rm(this.folder, { recursive: true, force: true });
  }
}

const test = base.extend({
  wordpress: async ({}, use) => {
    const wordpress = await WordPress.start();
    await use(wordpress);
    await wordpress.stop();
    expect(wordpress.complaints, 'complaints of PHP').toEqual([]);
  },
});

test.skip(spawnSync('php', ['--version']).status !== 0, 'there is no PHP here, and `cargo xtask setup` could not install it');

/** A site for it, and its secret; all of it filled in. */
async function install(wordpress, rejoin) {
  const site = await addSite(rejoin, { origins: [wordpress.url] });
  const printed = await rejoin.command('site', 'identity', site, '--data', rejoin.data);
  const [, secret] = /^identity secret: (\S+)$/m.exec(printed);
  const saved = await wordpress.save({ url: rejoin.url, site, assistant: '', secret });
  expect(saved).toEqual({ kept: { url: rejoin.url, site, assistant: '', secret }, wrong: [] });
  await wordpress.keep({ users: { ann: [7, 'Änne “the tea” O’Neill 🫖', 'ann@example.org'], bob: [8, '\u202e<b>Bob</b>\nthe\u2028second ' + 'b'.repeat(300), 'bob@example.org'] } });
  return { site, secret };
}

/** Logs a page's visitor in to WordPress. */
const logIn = (page, wordpress, user) => page.context().addCookies([{ name: 'user', value: user, url: wordpress.url }]);

test('the plugin is correct PHP, and prints nothing before it is filled in', async ({ wordpress }) => {
  const { stdout } = await promisify(execFile)('php', [...strict, '-l', plugin]);
  expect(stdout).toContain('No syntax errors detected');
  expect(await wordpress.text('/')).not.toContain('<script');
});

test('a user of WordPress is the same person in the chat on every device, under a policy with a nonce', async ({ page, rejoin, wordpress, someone }) => {
  const { site, secret } = await install(wordpress, rejoin);
  await logIn(page, wordpress, 'ann');
  const laptop = await Visitor.visit(page, wordpress.url);
  // Pages are kept by caches: nothing of the user stands in it.
  const html = await wordpress.text('/', { headers: { cookie: 'user=ann' } });
  expect(html).not.toContain(secret);
  expect(html).not.toContain('eyJ');
  await laptop.send('From the laptop');
  await laptop.expectDelivery('From the laptop', 'sent');

  const other = await someone();
  await logIn(other, wordpress, 'ann');
  const phone = await Visitor.visit(other, wordpress.url);
  await phone.expectMessages(['From the laptop']);

  const operator = await Operator.hire(await someone(), rejoin, { email: 'op@example.org', name: 'Olga', sites: [site] });
  await operator.lines.filter({ hasText: 'Änne “the tea” O’Neill 🫖' }).click();
  await expect(operator.page.getByLabel('About the visitor')).toHaveText('✓ verified · ann@example.org');
});

test('another user starts afresh, whatever is in their name, and nobody is asked who is not logged in', async ({ page, rejoin, wordpress, someone }) => {
  await install(wordpress, rejoin);
  expect(await wordpress.text('/')).not.toContain("'identify'");
  expect(await wordpress.text('/wp-admin/admin-ajax.php', { method: 'POST', body: new URLSearchParams('action=rejoin_token') })).toBe('0');
  await logIn(page, wordpress, 'ann');
  const visitor = await Visitor.visit(page, wordpress.url);
  await visitor.send('For Ann alone');
  await visitor.expectDelivery('For Ann alone', 'sent');
  await logIn(page, wordpress, 'bob');
  await page.reload();
  await visitor.open();
  // A direction, a tag and a second line would have been refused with the whole token.
  await visitor.send('I am Bob');
  await visitor.expectDelivery('I am Bob', 'sent');
  await visitor.expectMessages(['I am Bob']);
});

test('whoever logs out of WordPress leaves nothing of the chat in the browser', async ({ page, rejoin, wordpress }) => {
  await install(wordpress, rejoin);
  await logIn(page, wordpress, 'ann');
  const visitor = await Visitor.visit(page, wordpress.url);
  await visitor.send('For Ann alone');
  await visitor.expectDelivery('For Ann alone', 'sent');
  expect((await kept(page)).local.length).toBeGreaterThan(0);
  await page.goto(`${wordpress.url}/logout`);
  await expect.poll(() => kept(page)).toEqual(NOTHING);
  await visitor.open();
  expect(await visitor.texts()).toEqual(['Welcome to the soap shop.']);
});

test('what cannot be right is said and changes nothing, and the secret is never shown', async ({ rejoin, wordpress }) => {
  const { site, secret } = await install(wordpress, rejoin);
  const before = { url: rejoin.url, site, assistant: '', secret };
  const wrong = await wordpress.save({ url: 'javascript:alert(1)', site: '"><script>alert(1)</script>', assistant: '-7', secret: 'short' });
  expect(wrong.kept).toEqual(before);
  expect(wrong.wrong).toHaveLength(4);
  // What is left out is not taken away: the secret is kept as long as nobody says otherwise.
  const right = await wordpress.save({ url: ' chat.example.com/path?x ', site: ` ${site} `, assistant: '3', secret: '' });
  expect(right).toEqual({ kept: { url: 'https://chat.example.com', site, assistant: '3', secret }, wrong: [] });
  const form = await wordpress.text('/wp-admin/options-general.php');
  expect(form).toContain('value="https://chat.example.com"');
  expect(form).not.toContain(secret);
  expect((await wordpress.save({ ...before, secret: '', forget: '1' })).kept.secret).toBe('');

  // What wp-config.php defines goes before, and can hold what it likes: it is escaped.
  await wordpress.keep({ constants: { REJOIN_URL: 'https://other.example/', REJOIN_SITE_TOKEN: 'st_"><b>' } });
  const html = await wordpress.text('/');
  expect(html).toContain(
    '<script src="https://other.example/widget.js" async data-site-token="st_&quot;&gt;&lt;b&gt;" data-cfasync="false"',
  );
  expect(await wordpress.text('/wp-admin/options-general.php')).toContain('Set in wp-config.php: REJOIN_URL');
});
