
// History: what was told in the last minutes, and what follows from the difference of two tellings.

/** How far the charts look back, as the points get more; the window of "now"; that of a point's percentiles, as a second
 * may have too few; and how long without figures is a gap. In seconds. */
const SPANS = [60, 120, 300], WINDOW = 10, SMOOTH = 5, GAP = 7;

const told = []; // the figures of the last window, oldest first, each with the time `at` which it came, in seconds
const points = []; // what is drawn: { at, rates: [...], latency: { route: [p50, p99] } }

/** The handlers that the charts of rates tell apart; the page's own requests are in none. */
const GROUPS = [["/analyze"], ["/predict"], null];

const requests = (figures, wanted) => sum(figures.requests.filter(wanted).map((entry) => entry.count));
const notOurs = ({ handler }) => handler !== "/status";
const inGroup = (group) => (entry) =>
  notOurs(entry) && (group ? group.includes(entry.handler) : !GROUPS.some((other) => other?.includes(entry.handler)));
const buckets = (figures, route) => figures.latency.find(({ handler }) => handler === route)?.buckets_ns ?? [];

/** What happened between two tellings; rates are a second. */
function between(before, now) {
  const seconds = now.at - before.at;
  const more = (read) => Math.max(0, read(now) - read(before));
  const rate = (read) => (seconds > 0 ? more(read) / seconds : 0);
  const all = more((figures) => requests(figures, notOurs));
  const cpu = more((figures) => figures.cpu_seconds ?? 0);
  return {
    seconds,
    rate: rate((figures) => requests(figures, notOurs)),
    rates: GROUPS.map((group) => rate((figures) => requests(figures, inGroup(group)))),
    rateOf: (wanted) => rate((figures) => requests(figures, wanted)),
    errors: rate((figures) => requests(figures, (entry) => notOurs(entry) && entry.status >= "400")),
    cpu: seconds > 0 ? cpu / seconds : 0,
    cpuEach: all ? cpu / all : NaN,
    allocationsEach: all ? more((figures) => figures.heap_allocations) / all : NaN,
    times: (route) => since(buckets(now, route), buckets(before, route)),
  };
}

/** Takes new figures in; answers what happened since the last ones and within the window. */
function remember(figures, at) {
  const now = { ...figures, at };
  const last = told[told.length - 1];
  // A daemon that was started anew counts from 0; and a difference over a gap says nothing of now.
  if (last && (now.uptime_seconds < last.uptime_seconds || at - last.at > GAP)) told.length = 0;
  told.push(now);
  while (told.length > 2 && told[1].at <= at - WINDOW) told.shift();
  const window = between(told[0], now);
  if (told.length > 1) {
    const step = between(told[told.length - 2], now);
    const smooth = between(told.find((earlier) => earlier.at >= at - SMOOTH - 0.5), now);
    const latency = Object.fromEntries(["/analyze", "/predict"].map((route) => {
      const times = smooth.times(route);
      return [route, [quantile(times, 0.5), quantile(times, 0.99)]];
    }));
    points.push({ at, rates: step.rates, latency });
    while (points[0].at < at - SPANS.at(-1)) points.shift();
  }
  return window;
}

/** How far the charts look back now. */
const span = () => SPANS.find((length) => points.length < 2 || points.at(-1).at - points[0].at <= length) ?? SPANS.at(-1);
