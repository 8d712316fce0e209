// A page in a Chromium of its own, by its debugging protocol alone: Playwright keeps its pages visible, and a visible page cannot be frozen.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';

/** How long a page may take to answer, in ms, before it counts as frozen. */
const SILENT_MS = 2_000;

export class FreezablePage {
  #browser;
  #folder;
  #socket;
  #session;
  #last = 0;
  #waiting = new Map();

  /** Opens `address` in the browser at `path`. */
  static async open(path, args, address) {
    const page = new FreezablePage();
    try {
      await page.#start(path, args);
      await page.#attach(address);
    } catch (error) {
      await page.close();
      throw error;
    }
    return page;
  }

  /** What an expression is in the page, as JSON would have it; `undefined` when the page does not answer. */
  async evaluate(expression) {
    let timer;
    const silence = new Promise((resolve) => (timer = setTimeout(resolve, SILENT_MS)));
    const answer = this.#send('Runtime.evaluate', { expression, returnByValue: true, awaitPromise: true });
    const outcome = await Promise.race([answer, silence]);
    clearTimeout(timer);
    if (outcome?.exceptionDetails) throw new Error(outcome.exceptionDetails.exception?.description ?? outcome.exceptionDetails.text);
    return outcome?.result.value;
  }

  /** Hides and freezes the page, as a browser does with tabs in the background, or lets it go on. */
  async freeze(still) {
    await this.#send('Page.setWebLifecycleState', { state: still ? 'frozen' : 'active' });
  }

  async close() {
    this.#socket?.terminate();
    if (this.#browser?.exitCode === null) {
      const exited = once(this.#browser, 'exit');
      this.#browser.kill('SIGKILL');
      await exited;
    }
    if (this.#folder) await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #start(path, args) {
    this.#folder = await mkdtemp(join(tmpdir(), 'rejoin-chromium-'));
    this.#browser = spawn(path, ['--headless=new', '--remote-debugging-port=0', `--user-data-dir=${this.#folder}`, ...args, 'about:blank'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const url = await new Promise((resolve, reject) => {
      this.#browser.once('exit', (code) => reject(new Error(`the browser ended (${code})`)));
      createInterface({ input: this.#browser.stderr }).on('line', (line) => {
        const found = /^DevTools listening on (\S+)/.exec(line);
        if (found) resolve(found[1]);
      });
    });
    this.#socket = new WebSocket(url);
    this.#socket.on('message', (text) => {
      const { id, result, error } = JSON.parse(text);
      const { resolve, reject } = this.#waiting.get(id) ?? {};
      this.#waiting.delete(id);
      if (error) reject?.(new Error(error.message));
      else resolve?.(result);
    });
    await once(this.#socket, 'open');
  }

  async #attach(address) {
    const { targetId } = await this.#send('Target.createTarget', { url: address });
    const { sessionId } = await this.#send('Target.attachToTarget', { targetId, flatten: true });
    this.#session = sessionId;
  }

  #send(method, params) {
    const id = (this.#last += 1);
    this.#socket.send(JSON.stringify({ id, method, params, sessionId: this.#session }));
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }
}
