
// Charts: drawn anew from their data, in the pixels that they have.

/** An element of HTML, or of SVG where the parent is one. */
function add(parent, name, attributes = {}, text) {
  const space = parent.namespaceURI;
  const child = parent.appendChild(document.createElementNS(space, name));
  for (const [key, value] of Object.entries(attributes)) child.setAttribute(key, value);
  if (text !== undefined) child.textContent = text;
  return child;
}

/** Empties an SVG and answers the room in it. */
function canvas(svg, left) {
  const box = { width: svg.clientWidth || 320, height: svg.clientHeight || 168 };
  svg.setAttribute("viewBox", `0 0 ${box.width} ${box.height}`);
  svg.replaceChildren();
  return { ...box, left, right: box.width - 6, top: 8, bottom: box.height - 20 };
}

/** The least round number that is not below `value`, and whose half is round too: 1, 2, 4, 6 or 8 times a power of ten. */
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 6, 8, 10].map((step) => step * power).find((step) => step >= value * 0.999999);
}

/** Heights of a scale from 0, and the marks on it. */
function linear(values, least) {
  const top = roundUp(Math.max(least, ...values));
  return { marks: [0, top / 2, top], place: (value) => value / top };
}

/** Heights of a scale by powers of ten, which is what times differ by, and the marks on it. */
function logarithmic(values) {
  const good = values.length ? values : [1e-6, 1e-3];
  const low = Math.floor(Math.log10(Math.min(...good)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...good))));
  const marks = Array.from({ length: high - low + 1 }, (_, step) => 10 ** (low + step));
  return { marks, place: (value) => (Math.log10(value) - low) / (high - low) };
}

/**
 * Lines over the last `span` seconds. `points` are [{ at, values }], a value for each of `series` [{ name, style }] or NaN
 * where there is none; two that are further apart than `gap` seconds are not joined.
 */
function drawLines(svg, { points, series, span, gap, scale, label, cursor }) {
  const room = canvas(svg, 52);
  const now = points.length ? points[points.length - 1].at : 0;
  const x = (at) => room.right - ((now - at) / span) * (room.right - room.left);
  const { marks, place } = scale(points.flatMap(({ values }) => values).filter((value) => value > 0));
  const y = (value) => room.bottom - place(value) * (room.bottom - room.top);
  for (const mark of marks) {
    const height = Math.round(y(mark));
    add(svg, "line", { x1: room.left, x2: room.right, y1: height, y2: height });
    add(svg, "text", { x: room.left - 8, y: height + 4, "text-anchor": "end" }, label(mark));
  }
  for (let ago = 0; ago <= span; ago += span <= 120 ? span / 4 : 60) {
    const text = ago ? (span <= 120 ? `−${ago} s` : `−${ago / 60} min`) : "now";
    const anchor = ago ? (ago === span ? "start" : "middle") : "end";
    add(svg, "text", { x: x(now - ago), y: room.bottom + 16, "text-anchor": anchor }, text);
  }
  series.forEach(({ style }, index) => {
    const pieces = []; // of the line: [{ at, value }, ...] each
    let before = -Infinity;
    for (const { at, values } of points) {
      const value = values[index];
      if (!Number.isFinite(value)) continue;
      if (at - before > gap) pieces.push([]);
      pieces[pieces.length - 1].push({ at, value });
      before = at;
    }
    const path = (piece) => piece.map(({ at, value }) => `L${x(at).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    if (scale === linear && index === 0) {
      const area = (piece) => `M${x(piece[0].at).toFixed(1)} ${room.bottom}${path(piece)}V${room.bottom}Z`;
      add(svg, "path", { class: `area ${style}`, d: pieces.map(area).join("") });
    }
    // A point by itself is a dot.
    add(svg, "path", { class: `line ${style}`, d: pieces.map((piece) => `M${path(piece).slice(1)}h0.01`).join("") });
    if (before === now) add(svg, "circle", { class: style, cx: x(now), cy: y(pieces.at(-1).at(-1).value), r: 2.75 });
  });
  if (cursor !== null && points.length) {
    const wanted = now - ((room.right - cursor) / (room.right - room.left)) * span;
    const nearest = points.reduce((best, point) => (Math.abs(point.at - wanted) < Math.abs(best.at - wanted) ? point : best));
    const place = x(nearest.at);
    add(svg, "line", { class: "cursor", x1: place, x2: place, y1: room.top, y2: room.bottom });
    return nearest;
  }
  return points[points.length - 1];
}

/** A bar for each of [[name, value]], upright. */
function drawColumns(svg, bars) {
  const room = canvas(svg, 40);
  const { marks, place } = linear(bars.map(([, value]) => value), 2);
  for (const mark of marks) {
    const height = Math.round(room.bottom - place(mark) * (room.bottom - room.top));
    add(svg, "line", { x1: room.left, x2: room.right, y1: height, y2: height });
    add(svg, "text", { x: room.left - 8, y: height + 4, "text-anchor": "end" }, short(mark));
  }
  const step = (room.right - room.left) / bars.length;
  bars.forEach(([name, value], index) => {
    const height = value ? Math.max(1, place(value) * (room.bottom - room.top)) : 0;
    const bar = add(svg, "rect", { class: "bar", x: room.left + index * step + step * 0.12, width: step * 0.76, y: room.bottom - height, height, rx: 1.5 });
    add(bar, "title", {}, `${name}: ${whole.format(value)}`);
    add(svg, "text", { x: room.left + (index + 0.5) * step, y: room.bottom + 16, "text-anchor": "middle" }, name);
  });
}

/** A bar for each of [[name, value]], lying, with its value and its share. */
function drawRows(svg, bars) {
  const room = canvas(svg, 76);
  const total = sum(bars.map(([, value]) => value)), most = Math.max(1, ...bars.map(([, value]) => value));
  const step = (room.bottom + 12 - room.top) / bars.length;
  bars.forEach(([name, value], index) => {
    const middle = room.top + (index + 0.5) * step;
    const width = (value / most) * (room.right - room.left - 96);
    add(svg, "text", { x: room.left - 10, y: middle + 4, "text-anchor": "end" }, name);
    add(svg, "line", { x1: room.left, x2: room.left, y1: middle - 12, y2: middle + 12 });
    add(svg, "rect", { class: "bar", x: room.left, y: middle - 9, width, height: 18, rx: 1.5 });
    const share = total ? ` (${Math.round((value / total) * 100)} %)` : "";
    add(svg, "text", { class: "value", x: room.left + width + 8, y: middle + 4 }, short(value) + share);
  });
}
