// The page: its language and colours, the key, and what the daemon has.

/** What may be linked to, if the daemon says that it is there. */
const LINKS = ["/docs", "/openapi.json", "/status", "/metrics", "/model-info", "/health"];

function draw() {
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", say(element.dataset.label));
  for (const element of document.querySelectorAll("[data-hint]")) element.placeholder = say(element.dataset.hint);
  const other = language === "fr" ? "en" : "fr";
  at("language").textContent = WORDS[other].own;
  at("language").lang = other;
  at("door-why").textContent = credential ? words.wrongKey : words.unauthorized;
  at("forget").hidden = !credential;
  drawScore();
  drawIris();
}

/** Whether the colours are dark now. */
const isDark = () => (document.documentElement.dataset.scheme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
const drawScheme = () => at("dark").setAttribute("aria-pressed", isDark());

function openDoor() {
  if (!at("door").hidden && !credential) return;
  at("door").hidden = false;
  draw();
  if (document.activeElement === document.body) at("credential").focus();
}

function use(key) {
  credential = key;
  stored("sessionStorage", "credential", key);
  at("door").hidden = true;
  at("credential").value = "";
  draw();
  learn();
  typed();
  classifySoon(0);
}

/** What the daemon is, and which models it has. */
async function learn() {
  const [greeting, info] = await Promise.all([ask("./"), ask("model-info")]);
  at("version").textContent = greeting.json.version ?? "";
  at("links").replaceChildren();
  const there = greeting.json.endpoints ?? [];
  for (const path of LINKS.filter((path) => there.includes(`GET ${path}`))) add(at("links"), "a", { href: path.slice(1) }, path);
  if (info.status === 401) return openDoor();
  toxicity.models = Object.fromEntries((info.json.models ?? []).map((model) => [model.name, model]));
  drawModels();
  drawScore();
}

at("language").addEventListener("click", () => {
  speak(language === "fr" ? "en" : "fr");
  stored("localStorage", "language", language);
  draw();
});
at("dark").addEventListener("click", () => {
  document.documentElement.dataset.scheme = isDark() ? "light" : "dark";
  stored("localStorage", "scheme", document.documentElement.dataset.scheme);
  drawScheme();
});
at("door").addEventListener("submit", (event) => {
  event.preventDefault();
  // What no header may hold is no key.
  const key = at("credential").value.trim();
  if (/^[\x21-\x7e]+$/.test(key)) use(key);
});
at("forget").addEventListener("click", () => use(""));
addEventListener("online", () => { typed(); classifySoon(0); });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawScheme);

const scheme = stored("localStorage", "scheme");
if (scheme === "light" || scheme === "dark") document.documentElement.dataset.scheme = scheme;
const wanted = [stored("localStorage", "language"), ...navigator.languages].map((name) => name?.slice(0, 2)).find((name) => WORDS[name]);
speak(wanted ?? "en");
drawScheme();
drawModels();
startIris();
startToxicity();
draw();
at("main").hidden = false;
learn();
