// Where the conversation is scrolled to: it follows the newest message unless somebody reads further up.

const NEAR_PX = 60;

/** Keeps `scroller` in place around changes of its content; `newest` is the button that leads to the end. */
export function createScroll(scroller, newest) {
  let follows = true;
  scroller.addEventListener('scroll', () => {
    follows = isAtEnd();
    if (follows) newest.hidden = true;
  });
  newest.addEventListener('click', toEnd);
  new ResizeObserver(() => follows && toEnd()).observe(scroller);

  function isAtEnd() {
    return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < NEAR_PX;
  }

  function toEnd() {
    follows = true;
    newest.hidden = true;
    scroller.scrollTop = scroller.scrollHeight;
  }

  return {
    toEnd,
    /** Changes the content; what a person reads stays where it is. */
    around(change) {
      const anchor = follows ? undefined : firstVisible();
      const top = anchor?.getBoundingClientRect().top;
      change();
      if (follows) toEnd();
      else if (anchor?.isConnected) scroller.scrollTop += anchor.getBoundingClientRect().top - top;
    },
    /** Something new came at the end. */
    hint() {
      if (!follows) newest.hidden = false;
    },
  };

  function firstVisible() {
    const edge = scroller.getBoundingClientRect().top;
    return [...scroller.querySelectorAll('.message')].find((node) => node.getBoundingClientRect().bottom > edge);
  }
}
