// The real binary as a test starts it: on a free port, with a data folder of its own.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const repository = dirname(dirname(fileURLToPath(import.meta.url)));
/** The binary under test; `cargo xtask test` names it. */
export const binary =
  process.env.REJOIN_BIN ??
  join(repository, process.env.CARGO_TARGET_DIR ?? 'target', 'release', process.platform === 'win32' ? 'rejoin.exe' : 'rejoin');

const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 10_000;
const LISTENING = /^listening on (http:\/\/127\.0\.0\.1:(\d+))\/?$/;

export class Server {
  /** `http://127.0.0.1:PORT`, the same across restarts. */
  url = '';
  /** When it last said that it is listening. */
  listeningAt = 0;
  /** Everything the server has written, as lines, across restarts. */
  stdout = [];
  stderr = [];

  #child;
  #exited;
  #expectedToRun = false;
  #port = 0;
  #extra;
  #env;
  #allowedErrors = [];
  #badEnds = [];

  /** Made by `Server.start`. */
  constructor({ data, args = [], env = {} }) {
    this.data = data;
    this.#extra = args;
    this.#env = env;
  }

  /** Starts one. `args` go after the usual arguments of `rejoin serve`; `env` is added to ours. */
  static async start({ args, env } = {}) {
    const data = await mkdtemp(join(tmpdir(), 'rejoin-e2e-'));
    const server = new Server({ data, args, env });
    try {
      await server.#run();
    } catch (error) {
      await server.dispose().catch(() => {});
      throw error;
    }
    return server;
  }

  get pid() {
    return this.#child?.pid;
  }

  get running() {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Ends the process and waits until it is gone. Gives its exit code, or the signal's name. */
  async stop(signal = 'SIGTERM') {
    if (!this.#expectedToRun) return this.#exited;
    this.#expectedToRun = false;
    this.#child.kill(signal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    const how = await this.#exited;
    clearTimeout(timer);
    if (how === 'SIGKILL' && signal !== 'SIGKILL') {
      this.#badEnds.push(`the server did not stop within ${STOP_TIMEOUT_MS} ms of ${signal}`);
    } else if (how !== 0 && how !== signal) {
      this.#badEnds.push(`the server ended by itself, or badly (${how})`);
    }
    return how;
  }

  /** Starts it again, on the same port and data folder; ends it first if it is still running. */
  async restart(signal = 'SIGTERM') {
    await this.stop(signal);
    await this.#run();
  }

  /** Holds the process still (`true`), or lets it go on. */
  freeze(still) {
    this.#child.kill(still ? 'SIGSTOP' : 'SIGCONT');
  }

  /** Kills the child of a supervisor (`--supervise`), which starts another one. Linux only. */
  async killChild() {
    const [child] = (await readFile(`/proc/${this.pid}/task/${this.pid}/children`, 'utf8')).trim().split(' ');
    process.kill(Number(child), 'SIGKILL');
  }

  /** Another command of the binary; gives what it prints. */
  async command(...words) {
    const { stdout } = await promisify(execFile)(binary, words, { cwd: this.data });
    return stdout.trim();
  }

  /** A token for the operator of the demo sites. */
  operatorToken() {
    return this.command('operator', 'token', 'demo', '--data', this.data);
  }

  /** Lets lines of the log that match say ERROR in this test. */
  allowErrors(pattern) {
    this.#allowedErrors.push(pattern);
  }

  /** What the server did that no test should see: a line that says ERROR, a panic, a bad end. Complete after `stop`. */
  complaints() {
    const lines = [...this.stdout, ...this.stderr];
    const errors = lines.filter((line) => /\bERROR\b|panicked at/.test(line));
    const unexpected = errors.filter((line) => !this.#allowedErrors.some((pattern) => pattern.test(line)));
    return [...unexpected, ...this.#badEnds];
  }

  log() {
    return [...this.stdout, ...this.stderr].join('\n');
  }

  /** Ends it and removes its data. */
  async dispose() {
    try {
      this.#child?.kill('SIGCONT');
      await this.stop();
    } finally {
      await rm(this.data, { recursive: true, force: true });
    }
  }

  async #run() {
    const args = ['serve', '--demo', '--port', String(this.#port), '--data', this.data, ...this.#extra];
    // A folder of its own to stand in: the server must need no other file.
    const child = spawn(binary, args, {
      cwd: this.data,
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => resolve(signal ?? code));
      child.once('error', (error) => resolve(error.message));
    });
    createInterface({ input: child.stderr }).on('line', (line) => this.stderr.push(line));
    const output = createInterface({ input: child.stdout });
    const address = new Promise((resolve) => {
      output.on('line', (line) => {
        this.stdout.push(line);
        const found = LISTENING.exec(line.trim());
        if (!found) return;
        this.listeningAt = Date.now();
        resolve(found);
      });
    });
    const timer = new AbortController();
    const outcome = await Promise.race([
      address.then(([, url, port]) => ({ url, port })),
      this.#exited.then((how) => ({ trouble: `ended at once (${how})` })),
      once(AbortSignal.any([AbortSignal.timeout(START_TIMEOUT_MS), timer.signal]), 'abort').then(() => ({
        trouble: `printed no "listening on http://127.0.0.1:PORT" within ${START_TIMEOUT_MS} ms`,
      })),
    ]);
    timer.abort();
    if (outcome.trouble) throw new Error(`${binary} ${args.join(' ')}\n${outcome.trouble}\n${this.log()}`);
    this.url = outcome.url;
    this.#port = Number(outcome.port);
    this.#expectedToRun = true;
  }
}
