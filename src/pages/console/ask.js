// The daemon: asked with the key where there is one, one question at a time, and what its refusals mean.

const at = (id) => document.getElementById(id);

/** The credential: in memory, and in the session's storage where that may be used. */
let credential = stored("sessionStorage", "credential") ?? "";

/** What a storage of the browser holds under a name; writes `value` there if it is given, removes it if it is empty. */
function stored(storage, name, value) {
  try {
    const own = globalThis[storage];
    if (value === undefined) return own.getItem(`tamis-${name}`);
    if (value) own.setItem(`tamis-${name}`, value);
    else own.removeItem(`tamis-${name}`);
  } catch {
    // It is switched off: the page forgets.
  }
  return null;
}

/** A token has three parts in base64url; everything else is a key. */
function authorization() {
  if (!credential) return {};
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(credential) ? { Authorization: `Bearer ${credential}` } : { "X-API-Key": credential };
}

/** Asks for `path`, with JSON if there is a body. Answers the status (0 where there is no answer), the JSON, the milliseconds
 * that it took and those that the daemon tells of, the seconds after which to ask again. Throws only if `signal` ends it. */
async function ask(path, body, signal) {
  const began = performance.now();
  const headers = { Accept: "application/json", ...authorization() };
  if (body) headers["Content-Type"] = "application/json";
  if (path === "predict") headers.Prefer = "server-timing";
  try {
    const answer = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal, cache: "no-store", credentials: "omit" });
    // An answer that breaks off is none.
    const json = await answer.json().catch((error) => { if (answer.ok) throw error; return {}; });
    const total = /total;dur=([\d.]+)/.exec(answer.headers.get("server-timing"))?.[1];
    return { status: answer.status, json, took: performance.now() - began, told: Number(total), wait: Number(answer.headers.get("retry-after")) || 1 };
  } catch (error) {
    if (signal?.aborted) throw error;
    return { status: 0, json: {}, wait: 2 };
  }
}

/** What an answer that is none says to a person. */
function fault({ status, json, wait }, scope) {
  switch (status) {
    case 0: return words.lost;
    case 401: return credential ? words.wrongKey : words.unauthorized;
    case 403: return words.forbidden(scope);
    case 404: return words.absent;
    case 413: return words.tooLong;
    case 429: return words.tooMany(wait);
    case 503: return { model_unavailable: words.loading, inference_timeout: words.late }[json.error_type]?.(wait) ?? words.busy(wait);
  }
  if (json.error_type === "text_too_long") return words.tooLong;
  if (json.error_type === "empty_text") return words.emptyText;
  return words.refused(status, json.detail ?? "?");
}

/** Runs `work(job, signal)` for the newest job, one at a time. A job with `slow` is given up for a newer one. */
function newest(work) {
  let next = null, running = null;
  return async (job) => {
    next = job;
    if (running) return void (running.job.slow && running.abort.abort());
    while (next) {
      running = { job: next, abort: new AbortController() };
      next = null;
      const { job, abort } = running;
      await work(job, abort.signal).catch((error) => {
        if (abort.signal.aborted) return;
        running = null;
        throw error;
      });
    }
    running = null;
  };
}

/** Tells `text` to who listens, a while after the last change, and not twice. */
function teller(id) {
  let timer = 0;
  return (text) => {
    clearTimeout(timer);
    timer = setTimeout(() => { if (at(id).textContent !== text) at(id).textContent = text; }, 1000);
  };
}

/** Adds an element of this name, with attributes and text. */
function add(parent, name, attributes = {}, text = "") {
  const element = document.createElementNS(parent.namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  parent.append(element);
  return element;
}

/** Rows of a name, a bar and a share from 0 to 1, of `[key, name, share]`; the greatest stands out if `best`. Rows that stay
 * are kept, so that bars move. */
function bars(list, rows, best) {
  const keys = rows.map(([key]) => key).join();
  if (list.dataset.keys !== keys) {
    list.dataset.keys = keys;
    list.replaceChildren();
    for (const [key] of rows) {
      const row = add(list, "div");
      add(row, "dt", { id: `${list.id}-${key}` });
      add(add(add(row, "dd"), "div", { class: "bar", role: "meter", "aria-valuemin": 0, "aria-valuemax": 1, "aria-labelledby": `${list.id}-${key}` }), "i");
      add(row, "dd");
    }
  }
  const greatest = Math.max(...rows.map(([, , share]) => share));
  rows.forEach(([, name, share], place) => {
    const row = list.children[place], bar = row.querySelector(".bar");
    row.className = best && share === greatest && share > 0 ? "first" : "";
    row.firstChild.textContent = name;
    row.lastChild.textContent = Number.isFinite(share) ? percent.format(share) : "–";
    bar.style.setProperty("--value", share || 0);
    bar.setAttribute("aria-valuenow", share || 0);
    bar.setAttribute("aria-valuetext", row.lastChild.textContent);
  });
}
