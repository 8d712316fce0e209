// The language. English is in the module; each other one is a module of words, which is fetched while the WebAssembly is on its
// way. `cargo xtask build` puts this into the script around the module, and the list of what there is: `languages`, by the
// first part of a locale. client-wasm/src/widget.rs calls it.
const speech = {
  // The locale, and behind it, but for English, a line for each word.
  said: 'en',
  // Chooses a language: the one that is asked for, or, for none or `auto`, the first of the visitor's own that is there; else
  // English. Gives a promise where there is something to wait for, which never fails.
  speak(asked) {
    const turn = (speech.turn = {});
    speech.firm = 0;
    for (const tag of asked && asked != 'auto' ? [asked] : navigator.languages) {
      let locale;
      try {
        locale = new Intl.Locale(tag.replace('_', '-'));
      } catch {
        continue;
      }
      const load = languages[locale.language];
      if (load || locale.language == 'en') speech.firm = asked;
      // What came too late, or was asked for before another, is not said.
      const say = (words) => turn == speech.turn && speech.say(locale + words);
      if (load) return load().then((module) => say('\n' + module.default), () => {});
      if (locale.language == 'en') return say('');
    }
    speech.say('en');
  },
  // The site has one, for pages that ask for none that is there.
  suggest: (locale) => locale && !speech.firm && speech.speak(locale),
  say(words) {
    speech.said = words;
    speech.changed?.(words);
  },
  // Tells what is said now, and calls `changed` whenever it is something else.
  hear(changed) {
    speech.changed = changed;
    return speech.said;
  },
  // Tells which of the forms of a word goes with a number.
  form: (number) =>
    ['zero', 'one', 'two', 'few', 'many', 'other'].indexOf(new Intl.PluralRules(speech.said.split('\n')[0]).select(number)),
};
