
// The page: asks for the figures and shows them.

const INTERVAL = 1000, PATIENCE = 5000; // milliseconds between two questions; and that an answer may take
const at = (id) => document.getElementById(id);
const show = (id, text) => { if (at(id).textContent !== text) at(id).textContent = text; };
const cursors = {}; // where a pointer is over a chart, in pixels

const RATES = [{ name: "/analyze", style: "first" }, { name: "/predict", style: "second" }, { name: "others", style: "third" }];
const TIMES = [{ name: "p50", style: "first" }, { name: "p99", style: "second" }];

/** A tile: a number with its unit smaller, and a line below. */
function tile(id, text, note) {
  const [number, ...unit] = text.split(" ");
  at(id).textContent = number;
  if (unit.length) add(at(id), "small", {}, ` ${unit.join(" ")}`);
  show(`${id}-note`, note);
}

/** A table: a row of heads, rows of cells whose first heads the row, and what to say where there are none. */
function table(id, heads, rows, none) {
  const element = at(id);
  while (element.lastChild !== element.caption) element.lastChild.remove();
  if (!rows.length) return void add(add(add(element, "tbody"), "tr"), "td", { class: "none" }, none);
  const head = add(add(element, "thead"), "tr");
  for (const text of heads) add(head, "th", { scope: "col" }, text);
  const body = add(element, "tbody");
  for (const cells of rows) {
    const row = add(body, "tr");
    cells.forEach((text, place) => add(row, place ? "td" : "th", place ? {} : { scope: "row" }, text));
  }
}

function lines(name, series, values, scale, label, format) {
  const data = points.map((point) => ({ at: point.at, values: values(point) }));
  const shown = drawLines(at(`${name}-chart`), { points: data, series, span: span(), gap: GAP, scale, label, cursor: cursors[name] ?? null });
  const legend = at(`${name}-legend`);
  legend.replaceChildren();
  series.forEach(({ name, style }, index) => {
    const item = add(legend, "li", { class: style });
    add(item, "i", { "aria-hidden": "true" });
    item.append(`${name} `);
    add(item, "b", {}, shown && Number.isFinite(shown.values[index]) ? format(shown.values[index]) : "–");
  });
}

function drawHistory() {
  lines("rate", RATES, (point) => point.rates, (values) => linear(values, 10), short, count);
  for (const route of ["analyze", "predict"]) {
    lines(route, TIMES, (point) => point.latency[`/${route}`], logarithmic, time, time);
  }
}

function drawNow(figures, window) {
  const total = (from, to) => requests(figures, (entry) => notOurs(entry) && entry.status >= from && entry.status < to);
  const steady = window.seconds > 0;
  show("version", figures.version);
  show("facts", `up ${age(figures.uptime_seconds)} · ${figures.workers} worker${figures.workers === 1 ? "" : "s"} · kernels for ${figures.cpu_path}`);
  tile("rate", steady ? count(window.rate) : "–", `${count(total("0", "999"))} in all, without this page's`);
  for (const { handler, count: all, p99_seconds: p99 } of figures.latency) {
    const times = window.times(handler);
    const note = times.length ? `99 % within ${time(quantile(times, 0.99))}` : all ? `none in ${WINDOW} s; p99 of all ${time(p99)}` : "none yet";
    tile(handler.slice(1), time(quantile(times, 0.5)), note);
  }
  const broken = total("500", "600");
  tile("errors", steady ? count(window.errors) : "–", `4xx ${count(total("400", "500"))}, 5xx ${count(broken)} in all`);
  at("errors").classList.toggle("alarm", steady && window.rateOf((entry) => notOurs(entry) && entry.status >= "500") > 0);
  tile("cpu", steady ? `${Math.round(window.cpu * 100)} %` : "–", window.cpuEach > 0 ? `of one core; ${time(window.cpuEach)} a request` : "of one core");
  const each = Number.isFinite(window.allocationsEach) ? `${three.format(window.allocationsEach)} allocations a request` : "no request to allocate for";
  tile("memory", bytes(figures.resident_bytes), each);
  tile("connections", count(figures.connections_open), `${count(figures.connections_accepted)} accepted, ${count(figures.requests_shed)} requests shed`);
  const { waiting, capacity } = figures.bert_queue;
  tile("queue", count(waiting), capacity ? `room for ${count(capacity)}` : "bert is not loaded");
  at("queue").classList.toggle("alarm", capacity > 0 && waiting >= capacity);
  return steady ? `${count(window.rate)}/s` : figures.phase;
}

function drawAll(figures, window) {
  const scores = figures.scores.map(([bound, value]) => [bound === 100 ? "100" : `${bound}`, value]);
  const scored = sum(scores.map(([, value]) => value));
  drawColumns(at("scores-chart"), scores);
  show("scores-note", scored ? `${count(scored)}; each bar ends at its number` : "none yet");
  at("scores-chart").setAttribute("aria-label", `Toxicity scores: ${scores.map(([name, value]) => `${value} up to ${name}`).join(", ")}`);
  const irises = Object.entries(figures.irises);
  const classified = sum(irises.map(([, value]) => value));
  drawRows(at("irises-chart"), irises);
  show("irises-note", classified ? count(classified) : "none yet");
  at("irises-chart").setAttribute("aria-label", `Irises by class: ${irises.map((pair) => pair.join(" ")).join(", ")}`);

  table("latency", ["Route", "Requests", "p50", "p90", "p99", "p99.9", "Max"], figures.latency.flatMap((route) => {
    const times = window.times(route.handler), of = (share) => time(quantile(times, share));
    const all = [route.p50_seconds, route.p90_seconds, route.p99_seconds, route.p999_seconds, route.max_seconds].map(time);
    const recent = [...[0.5, 0.9, 0.99, 0.999].map(of), time((times[times.length - 1]?.[0] ?? 0) / 1e9)];
    return [[route.handler, count(route.count), ...all], [`${route.handler}, last ${WINDOW} s`, count(sum(times.map(([, more]) => more))), ...recent]];
  }), "none");
  const names = { none: "(no route)", "/status": "/status, this page" };
  const nameOf = ({ handler, method }) => `${method} ${names[handler] ?? handler}`;
  const routes = [...new Set(figures.requests.map(nameOf))];
  table("routes", ["Route", "2xx/s", "4xx/s", "5xx/s", "2xx", "4xx", "5xx"], routes.map((name) => {
    const mine = ["2", "4", "5"].map((digit) => (entry) => name === nameOf(entry) && entry.status[0] === digit);
    return [name, ...mine.map((wanted) => count(window.rateOf(wanted))), ...mine.map((wanted) => count(requests(figures, wanted)))];
  }), "no request yet");
  const analyses = Object.fromEntries(figures.analyses.map(({ model, success, error }) => [model, [count(success), count(error)]]));
  const models = figures.models.map(({ name, sha256, loaded, load_seconds }) => {
    const answers = analyses[name] ?? (name === "iris" ? [count(classified), "–"] : ["", ""]);
    return [name, loaded ? "loaded" : "loading", time(load_seconds), ...answers, sha256.slice(0, 12)];
  });
  // A user's models are counted together.
  if (figures.models.some(({ name }) => !analyses[name] && name !== "iris")) models.push(["the user's", "", "", ...analyses.custom, ""]);
  table("models", ["Model", "State", "Loaded in", "Answers", "Failed", "SHA-256"], models, "none is loaded yet");
  table("problems", ["Error", "Route", "Count"], figures.errors.map(({ error_type, endpoint, count: all }) =>
    [error_type, names[endpoint] ?? endpoint, count(all)]), "none");
  const files = figures.open_files === null ? "–" : `${count(figures.open_files)} of ${count(figures.max_files)}`;
  table("server", [], [
    ["Request slots used at once, at most", `${count(figures.slots.used_max)} of ${count(figures.slots.capacity)}`],
    ["Requests served without a slot", count(figures.slots.fallbacks)],
    ["Requests that did not arrive in time", count(figures.requests_timed_out)],
    ["Heap allocations of the workers", `${count(figures.heap_allocations)}, ${bytes(figures.heap_allocated_bytes)}`],
    ["Open files", files],
    ["CPU time", figures.cpu_seconds === null ? "–" : `${count(figures.cpu_seconds)} s`],
    ["Clients of /analyze in five minutes", count(figures.active_users)],
  ], "none");
}

/** The last figures with what followed from them; why there are no newer ones, if there should be; whether the daemon is
 * asked at the moment, and whether it may be. */
let latest = null, lost = "", asking = false, paused = false;

function draw() {
  let title = "connection lost";
  if (latest) {
    const now = drawNow(latest.figures, latest.window);
    if (!lost) title = now;
    drawHistory();
    drawAll(latest.figures, latest.window);
  }
  const phase = lost ? "connection lost" : latest.figures.phase;
  at("phase").className = `phase ${lost ? "lost" : phase}`;
  show("phase-text", phase);
  show("link", lost && latest ? `${lost}; what is shown is old` : lost);
  at("main").classList.toggle("stale", lost !== "");
  document.title = `${title} · tamis`;
}

async function ask() {
  const answer = await fetch("status", { headers: { Accept: "application/json" }, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
  if (!answer.ok) throw new Error(`the daemon answered ${answer.status}`);
  const figures = await answer.json();
  latest = { figures, window: remember(figures, performance.now() / 1000) };
}

async function turn() {
  setTimeout(turn, INTERVAL);
  if (asking || paused || document.hidden) return;
  asking = true;
  try {
    await ask();
    lost = "";
  } catch (error) {
    lost = error.message.startsWith("the daemon") ? error.message : "the daemon does not answer";
  }
  asking = false;
  if (!paused) draw();
}

at("pause").addEventListener("click", () => {
  paused = !paused;
  at("pause").setAttribute("aria-pressed", paused);
  at("pause").textContent = paused ? "Go on" : "Pause";
});
for (const name of ["rate", "analyze", "predict"]) {
  const move = (place) => { cursors[name] = place; if (latest) drawHistory(); };
  at(`${name}-chart`).addEventListener("pointermove", (event) => move(event.offsetX));
  at(`${name}-chart`).addEventListener("pointerleave", () => move(null));
}
addEventListener("resize", () => (latest || lost ? draw() : drawHistory()));
at("main").hidden = false;
at("pause").hidden = false;
drawHistory();
turn();
