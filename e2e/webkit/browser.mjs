// WebKit as the distribution has it: GTK's MiniBrowser on a screen that nobody sees, driven by WebDriver.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import net from 'node:net';
import webdriver from 'selenium-webdriver';

const START_TIMEOUT_MS = 60_000;

/** A browser; `dispose` ends it and all that was started for it. */
export class WebKit {
  #screen;
  #service;

  static async start() {
    const webkit = new WebKit();
    try {
      await webkit.#run();
    } catch (error) {
      await webkit.dispose();
      throw error;
    }
    return webkit;
  }

  async dispose() {
    await this.driver?.quit().catch(() => {});
    this.#service?.kill();
    this.#screen?.kill();
  }

  async #run() {
    const { screen, display } = await openScreen();
    this.#screen = screen;
    const port = await freePort();
    this.#service = spawn('WebKitWebDriver', [`--port=${port}`], {
      env: { ...process.env, DISPLAY: display, GDK_BACKEND: 'x11', NO_AT_BRIDGE: '1' },
      stdio: 'ignore',
    });
    const url = `http://127.0.0.1:${port}`;
    await until('WebKitWebDriver answers', async () => (await fetch(`${url}/status`)).ok);
    this.driver = await new webdriver.Builder()
      .usingServer(url)
      .disableEnvironmentOverrides()
      .withCapabilities({
        browserName: 'MiniBrowser',
        'webkitgtk:browserOptions': { binary: miniBrowser(), args: ['--automation'] },
      })
      .build();
    const capabilities = await this.driver.getCapabilities();
    this.version = `${capabilities.get('browserName')} ${capabilities.get('browserVersion')}`;
  }
}

/** Asks again and again until something is so; a question that cannot be answered yet counts as no. */
export async function until(what, look, timeoutMs = START_TIMEOUT_MS) {
  const end = Date.now() + timeoutMs;
  let last;
  while (Date.now() < end) {
    try {
      last = await look();
      if (last) return last;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not within ${timeoutMs} ms: ${what} (last: ${last})`);
}

async function openScreen() {
  // It chooses a number that is free, and says which.
  const screen = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1280x900x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
  });
  const [number] = await Promise.race([
    once(screen.stdio[3], 'data'),
    once(screen, 'exit').then(([code]) => Promise.reject(new Error(`Xvfb ended (${code})`))),
  ]);
  return { screen, display: `:${String(number).trim()}` };
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
}

function miniBrowser() {
  for (const machine of readdirSync('/usr/lib')) {
    let folders = [];
    try {
      folders = readdirSync(`/usr/lib/${machine}`).filter((name) => name.startsWith('webkit2gtk-4'));
    } catch {
      // Not a folder.
    }
    for (const folder of folders) {
      const path = `/usr/lib/${machine}/${folder}/MiniBrowser`;
      if (existsSync(path)) return path;
    }
  }
  throw new Error('there is no MiniBrowser of WebKitGTK in /usr/lib');
}
