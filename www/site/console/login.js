// The log-in, over whatever is on the screen: a token that expired takes nothing away.

import { logIn } from './api.js';

/** Makes the log-in in a `dialog` element; `done({token, name})` is called when it worked. */
export function createLogin(dialog, done) {
  const part = (selector) => dialog.querySelector(selector);
  const form = part('form');
  const button = part('button');
  const failure = part('.login-error');

  dialog.addEventListener('cancel', (event) => event.preventDefault());
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    failure.textContent = '';
    button.disabled = true;
    try {
      const session = await logIn(form.email.value.trim(), form.password.value);
      form.password.value = '';
      dialog.close();
      done(session);
    } catch (error) {
      failure.textContent = error.message;
      form.password.select();
    } finally {
      button.disabled = false;
    }
  });

  return {
    /** Asks for the password; `why` says what happened before. */
    ask(why) {
      if (why) part('.login-why').textContent = why;
      dialog.classList.toggle('over', Boolean(why));
      if (dialog.open) return;
      dialog.showModal();
      (form.email.value ? form.password : form.email).focus();
    },
    close: () => dialog.close(),
  };
}
