// Times as people read them, in the browser's language.

const clock = new Intl.DateTimeFormat(undefined, { hour: 'numeric', minute: '2-digit' });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: 'short' });
const date = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const day = new Intl.DateTimeFormat(undefined, { weekday: 'long', day: 'numeric', month: 'long' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

const DAY_MS = 86_400_000;

/** 14:05 */
export const timeOfDay = (at) => clock.format(at);

/** Everything about the moment, for a tooltip. */
export const fullTime = (at) => full.format(at);

/** 14:05 today, Tue this week, 3 Nov before. */
export function shortTime(at) {
  const days = daysAgo(at);
  if (days < 1) return clock.format(at);
  return days < 7 ? weekday.format(at) : date.format(at);
}

/** Today, Yesterday, Monday 3 November. */
export function dayName(at) {
  const days = daysAgo(at);
  if (days > 1) return day.format(at);
  const name = relative.format(-Math.max(days, 0), 'day');
  return name[0].toUpperCase() + name.slice(1);
}

/** Midnight of the day, as a key. */
export const startOfDay = (at) => new Date(at).setHours(0, 0, 0, 0);

// Rounded, because a day with a change of clocks has 23 or 25 hours.
const daysAgo = (at) => Math.round((startOfDay(Date.now()) - startOfDay(at)) / DAY_MS);
