// What the link needs of JavaScript's own making: the picture of whoever answers, and several pages of one visitor. `cargo xtask
// build` makes a script of this that comes with the second module (in the npm package, and in a quick build, it is in the script
// around the first); client-wasm/src/tabs.rs calls it. Where a browser has no locks (a page without TLS), no page leads.
const tabs = {
  // Tells whether this page leads the others of this name: `changed(false)` when it stands in line, `changed(true)` when it is first.
  // Gives what ends it.
  lead(name, changed) {
    const end = new AbortController();
    let leave;
    const stand = () => {
      const wait = new AbortController();
      leave = () => wait.abort();
      changed(false);
      navigator.locks
        .request(name, { signal: wait.signal }, () => new Promise((done) => ((leave = done), changed(true))))
        .catch(() => {});
    };
    if (navigator.locks) {
      stand();
      // A page that holds a lock, or waits for one, is not kept in the back-forward cache.
      addEventListener('pagehide', () => leave(), end);
      addEventListener('pageshow', ({ persisted }) => persisted && stand(), end);
    }
    return () => {
      end.abort();
      leave?.();
    };
  },
  // Gives the key that is the visitor's when several pages make one at once: that of the page that asks first. Storage does
  // not help: what one page writes, another may read only milliseconds later. Locks are given in one order for all pages, so
  // the first key is the name of one, held for as long as storage may lag; what is in storage by then is older than this page's
  // own. Without a name each page has its own key; without locks, or when another page hangs, this fails.
  async claim(name, key) {
    if (!name) return;
    key = localStorage.getItem(name + 'key') || key;
    const { locks } = navigator;
    const prefix = name + 'key ';
    return locks.request(prefix, { signal: AbortSignal.timeout(1e3) }, async () => {
      const first = (await locks.query()).held.find((lock) => lock.name.startsWith(prefix + 'vk_'));
      if (first) return first.name.slice(prefix.length);
      locks.request(prefix + key, () => {
        const end = new AbortController();
        setTimeout(() => end.abort(), 2e3);
        addEventListener('pagehide', () => end.abort(), end);
        return new Promise((done) => (end.signal.onabort = done));
      });
      return key;
    });
  },
  // Shows the picture of this name in the place of a letter; the letter where there is none, and for nobody. On a canvas: an
  // image would need the page's `img-src`.
  async paint(letter, url, name) {
    letter.picture?.remove();
    letter.hidden = false;
    const turn = (letter.turn = {});
    if (!name) return;
    try {
      const answer = await fetch(url + encodeURIComponent(name));
      if (answer.status != 200) return;
      const image = await createImageBitmap(await answer.blob());
      if (letter.turn != turn) return;
      const canvas = (letter.picture = document.createElement('canvas'));
      const size = Math.min(image.width, image.height);
      canvas.className = 'a';
      canvas.ariaHidden = true;
      canvas.width = canvas.height = 80;
      canvas.getContext('2d').drawImage(image, (image.width - size) / 2, (image.height - size) / 2, size, size, 0, 0, 80, 80);
      letter.before(canvas);
      letter.hidden = true;
    } catch {
      // None that can be fetched, or that this browser can read.
    }
  },
  // Rings, in one page of all that ask by this name at about the same time, and only where somebody has been.
  ring(name) {
    const play = () => {
      const audio = new AudioContext();
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      const now = audio.currentTime;
      tone.frequency.setValueAtTime(660, now);
      tone.frequency.setValueAtTime(880, now + 0.12);
      volume.gain.setValueAtTime(0.08, now);
      volume.gain.exponentialRampToValueAtTime(0.001, now + 0.5);
      tone.connect(volume).connect(audio.destination);
      tone.onended = () => audio.close();
      tone.start();
      tone.stop(now + 0.5);
    };
    if (!navigator.userActivation?.hasBeenActive) return;
    // Not now: where there is no sound, that is no reason to stop.
    if (!navigator.locks) return document.hidden || queueMicrotask(play);
    const once = (lock) => lock && (play(), new Promise((done) => setTimeout(done, 3e3)));
    navigator.locks.request(name, { ifAvailable: true }, once).catch(() => {});
  },
};
