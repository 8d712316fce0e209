// The reply: Enter sends, Shift+Enter breaks the line, and what was typed outlives everything.

const NOTICES = {
  'too-long': 'This is too long: 10,000 characters at most.',
  'outbox-full': 'Too many messages are waiting to be sent. Your text stays here.',
};

/** Makes the composer in a form; `send(text)` returns the notice that refuses a text, or nothing. */
export function createComposer(form, { send, typed }) {
  const input = form.querySelector('textarea');
  const button = form.querySelector('button');
  const notice = form.querySelector('.notice');
  let isTouched = false;
  let isReady = false;

  input.addEventListener('input', () => {
    isTouched = true;
    notice.textContent = '';
    resize();
    if (isReady) typed(input.value);
  });
  input.addEventListener('keydown', (event) => {
    // 229: Safari ends a composition before the Enter that ended it.
    const isComposing = event.isComposing || event.keyCode === 229;
    if (event.key !== 'Enter' || event.shiftKey || isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!isReady || !input.value.trim()) return;
    const refusal = send(input.value);
    show(refusal);
    if (!refusal) put('');
    input.focus();
  });

  function put(text) {
    input.value = text;
    resize();
  }

  function resize() {
    input.style.height = 'auto';
    input.style.height = `${input.scrollHeight + 2}px`;
    button.disabled = !isReady || !input.value.trim();
  }

  function show(word) {
    notice.textContent = NOTICES[word] ?? '';
  }

  return {
    /** Empties it for another dialog, and waits for its link. */
    reset() {
      isTouched = false;
      isReady = false;
      show();
      put('');
    },
    /** The link is there; `draft` is what was typed before. What was typed since is kept. */
    ready(draft) {
      if (isReady) return;
      isReady = true;
      if (isTouched) typed(input.value);
      else put(draft);
      resize();
    },
    focus: () => input.focus(),
    /** Says something below the field, until somebody writes. */
    say: (text) => (notice.textContent = text),
  };
}
