// A page that listens to a feed, and writes down what it hears.
import { subscribe } from 'rejoin';

globalThis.updates = [];
globalThis.states = [];
globalThis.errors = [];
globalThis.listen = async (options) =>
  (globalThis.feed = await subscribe({
    onUpdate: (update) => updates.push(update),
    onState: (state, why) => states.push({ state, at: Date.now(), ...why }),
    onError: (error) => errors.push(error),
    ...options,
  }));
