
"use strict";
// Numbers: how they read, and percentiles of buckets.

const whole = new Intl.NumberFormat("en");
const three = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** A count or a rate: whole from 100 on, three digits below. */
const count = (value) => (value >= 100 ? whole.format(Math.round(value)) : three.format(value));

/** A whole number in as little room as an axis has: 12k. */
const short = (value) =>
  value >= 1e9 ? `${three.format(value / 1e9)}G` : value >= 1e6 ? `${three.format(value / 1e6)}M` : value >= 1e4 ? `${three.format(value / 1e3)}k` : count(value);

/** Seconds, in the unit that suits them, or a dash where there are none. */
function time(seconds) {
  if (!(seconds > 0)) return "–";
  for (const [scale, unit] of [[1e9, "ns"], [1e6, "µs"], [1e3, "ms"]]) {
    if (seconds * scale < 999.5) return `${three.format(seconds * scale)} ${unit}`;
  }
  return `${three.format(seconds)} s`;
}

/** Bytes in binary multiples. */
function bytes(value) {
  if (value === null) return "–";
  const exponent = value < 1 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
  return `${three.format(value / 1024 ** exponent)} ${["B", "KiB", "MiB", "GiB", "TiB"][exponent]}`;
}

/** A long time, by its two largest units. */
function age(seconds) {
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const first = Math.max(0, units.findIndex(([length]) => seconds >= length));
  const parts = units.slice(seconds < 1 ? 3 : first).slice(0, 2).map(([length, unit], place, all) => {
    const rest = place ? seconds % all[0][0] : seconds;
    return `${Math.floor(rest / length)} ${unit}`;
  });
  return parts.join(" ");
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

/** What [[upper, count], ...] counts beyond an earlier such list. */
function since(now, before) {
  const earlier = new Map(before);
  return now.map(([upper, total]) => [upper, total - (earlier.get(upper) ?? 0)]).filter(([, more]) => more > 0);
}

/** The seconds that a share of what [[upper in ns, count], ...] counts did not exceed; NaN where it counts nothing. */
function quantile(buckets, share) {
  const rank = Math.ceil(sum(buckets.map(([, total]) => total)) * share);
  let below = 0;
  const found = buckets.find(([, total]) => (below += total) >= rank);
  return found ? found[0] / 1e9 : NaN;
}
