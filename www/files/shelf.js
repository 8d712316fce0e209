// Files that are kept in the browser until they are sent: their bytes in IndexedDB, under the names that storage has of them.

/** The server forgets what was not sent for so long, and so do we. */
const KEPT_MS = 86_400_000;

// Only what outlives the tab can say what is kept in it.
export function isLasting(store) {
  try {
    return Boolean(store) && store === localStorage;
  } catch {
    return false;
  }
}

// One page at a time has a file in hand; where pages cannot agree, each one has.
export function hold(id, work) {
  if (!navigator.locks) return void work();
  navigator.locks.request(`rejoin:f:${id}`, work).catch(() => {});
}

// Bytes without a name are nobody's any more.
export async function sweep(store) {
  if (!isLasting(store)) return;
  const is = ({ id, key }) => store.getItem(key) !== null && Date.now() - parseInt(id.replace('-', '').slice(0, 12), 16) < KEPT_MS;
  await shelf('readonly', (files) => files.getAll())
    .then((all) => all.filter((one) => !is(one)))
    .then((old) => old[0] && shelf('readwrite', (files) => old.forEach(({ id }) => files.delete(id))))
    .catch(() => {});
}

/** Does something with the files that are kept in the browser. */
export function shelf(mode, work) {
  return new Promise((done, failed) => {
    const opening = indexedDB.open('rejoin', 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore('files', { keyPath: 'id' });
    opening.onerror = failed;
    opening.onsuccess = () => {
      const database = opening.result;
      const transaction = database.transaction('files', mode);
      const request = work(transaction.objectStore('files'));
      const end = (then) => () => {
        database.close();
        then(request?.result);
      };
      transaction.oncomplete = end(done);
      transaction.onabort = end(failed);
    };
  });
}
