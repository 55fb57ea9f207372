// The text: what it scores, and which of its words weigh most.

const LABELS = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"];
const LEAST = 0.4, MOST = 5; // what a word adds to the logit of `toxic`: shaded from the one on, and no darker beyond the other
const PAUSE = { simple: 60, others: 150, explanation: 500 }; // milliseconds before the daemon is asked

/** The models by name; the one asked; the last answer with its text; what is shaded, as [start, end, weight] in UTF-16 code
 * units; whether the model could say; why there is no answer. */
const toxicity = { models: {}, model: "simple", answer: null, shaded: [], explains: true, refusal: null };
let soon = 0, later = 0;
const tellScore = teller("toxicity-told");

/** Spans in code points of `text` as such in UTF-16 code units. */
function inUnits(text, spans) {
  const units = [0];
  for (const point of text) units.push(units[units.length - 1] + point.length);
  return spans.map(({ start, end, weight }) => [units[start], units[end], weight]);
}

/** What is shaded of `before` where it still stands in `after`: before the first change and behind the last. */
function carried(shaded, before, after) {
  const shorter = Math.min(before.length, after.length), grown = after.length - before.length;
  let head = 0, tail = 0;
  while (head < shorter && before[head] === after[head]) head++;
  while (tail < shorter - head && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++;
  return shaded.flatMap(([start, end, weight]) => {
    if (end <= head) return [[start, end, weight]];
    return start >= before.length - tail ? [[start + grown, end + grown, weight]] : [];
  });
}

function shade() {
  const text = at("text").value, parts = [];
  let from = 0;
  for (const [start, end, weight] of toxicity.shaded.filter((span) => span[2] >= LEAST).sort((one, other) => one[0] - other[0])) {
    const mark = document.createElement("mark");
    mark.textContent = text.slice(start, end);
    mark.style.setProperty("--weight", Math.min(1, weight / MOST));
    parts.push(text.slice(from, start), mark);
    from = end;
  }
  // The last line has its height even where nothing stands in it.
  at("shade").replaceChildren(...parts, text.slice(from), "\u200b");
}

function drawScore() {
  const { answer, models, explains, refusal } = toxicity, shown = answer?.json;
  const score = at("score").closest(".score"), gauge = at("gauge");
  at("score").textContent = shown ? shown.score : "–";
  at("level").textContent = shown ? say(shown.toxicity_level) : "";
  score.className = `score ${shown?.toxicity_level ?? ""}`;
  const { medium = 100, high = 100 } = models[shown?.model_used ?? toxicity.model]?.levels ?? {};
  for (const [name, value] of [["value", shown?.score ?? 0], ["from", medium], ["to", high]]) gauge.style.setProperty(`--${name}`, value);
  gauge.setAttribute("aria-valuenow", shown?.score ?? 0);
  gauge.setAttribute("aria-valuetext", shown ? `${shown.score}, ${say(shown.toxicity_level)}` : "–");
  const labels = shown ? Object.keys(shown.labels) : models[toxicity.model]?.labels ?? LABELS;
  bars(at("labels"), labels.map((name) => [name, say(name), shown?.labels[name]]), false);
  at("toxicity-time").textContent = shown ? words.time(shown.model_used, time(shown.processing_time_ms), time(answer.took)) : "";
  at("text-note").textContent = explains ? words.shadeNote : words.shadeMissing;
  at("toxicity-fault").textContent = refusal ? fault(refusal, "analyze") : "";
  at("verdict").classList.toggle("waiting", refusal !== null);
  if (shown && !refusal) {
    const heavy = toxicity.shaded.filter((span) => span[2] >= LEAST).slice(0, 3).map(([start, end]) => at("text").value.slice(start, end));
    tellScore(words.told(shown.score, say(shown.toxicity_level)) + (heavy.length ? words.toldWords(heavy.join(", ")) : ""));
  }
}

/** Scores the text as it is; with `explain`, asks which words weigh too. */
function submit(explain) {
  const text = at("text").value.toWellFormed();
  if (text.trim()) return void score({ text, model: toxicity.model, explain, slow: explain && toxicity.model !== "simple" });
  Object.assign(toxicity, { answer: null, shaded: [], refusal: null });
  drawScore();
}

/** Scores in a moment, and every moment while somebody types. `simple` explains itself at once; the others read the text once
 * more for each word, which waits until nobody types. */
function typed() {
  clearTimeout(later);
  soon ||= setTimeout(() => { soon = 0; submit(toxicity.model === "simple"); }, toxicity.model === "simple" ? PAUSE.simple : PAUSE.others);
}

function scoreLater(pause, explain) {
  clearTimeout(later);
  later = setTimeout(submit, pause, explain);
}

const score = newest(async (job, signal) => {
  const { text, model, explain } = job;
  const answer = await ask("analyze", explain ? { text, model, explain } : { text, model }, signal);
  const now = at("text").value, current = now.toWellFormed() === text && model === toxicity.model;
  if (!now.trim() || model !== toxicity.model) return;
  // It is back, maybe as another.
  if (toxicity.refusal?.status === 0 && answer.status) learn();
  toxicity.refusal = answer.status === 200 ? null : answer;
  if (answer.status === 200) {
    // An explanation says nothing new of the score, and took longer than one.
    toxicity.answer = explain && job.slow && toxicity.answer?.text === text && toxicity.answer.json.model_used === answer.json.model_used ? toxicity.answer : { ...answer, text };
    if (explain) {
      toxicity.explains = answer.json.spans !== null;
      toxicity.shaded = carried(inUnits(text, answer.json.spans ?? []), text, now);
      shade();
    } else if (current) {
      scoreLater(PAUSE.explanation, true);
    }
  }
  if (answer.status === 401) openDoor();
  else if ([0, 429, 503].includes(answer.status) && current) scoreLater(answer.wait * 1000, explain);
  drawScore();
});

function drawModels() {
  const named = Object.values(toxicity.models).filter(({ kind }) => kind === "toxicity").map(({ name }) => name);
  const names = named.length ? [...named, "auto"] : ["simple", "bert", "auto"];
  const group = at("models");
  group.replaceChildren(group.firstElementChild);
  for (const name of names) {
    const input = add(group, "input", { type: "radio", name: "model", value: name, id: `model-${name}`, class: "unseen" });
    input.checked = name === toxicity.model;
    add(group, "label", { for: input.id }, name);
  }
}

/** Puts `text` in the place of what is there. */
function put(text) {
  at("text").value = text;
  at("text").dispatchEvent(new Event("input"));
}

function startToxicity() {
  let before = "", touched = false;
  at("text").addEventListener("input", () => {
    toxicity.shaded = carried(toxicity.shaded, before, at("text").value);
    before = at("text").value;
    shade();
    typed();
  });
  // What stands there at first is an example: who types replaces it.
  at("text").addEventListener("focus", () => { if (!touched) at("text").select(); touched = true; }, { once: true });
  at("models").addEventListener("change", (event) => {
    Object.assign(toxicity, { model: event.target.value, answer: null, shaded: [], explains: true, refusal: null });
    shade();
    drawScore();
    typed();
  });
  for (const [own, text] of EXAMPLES) {
    add(add(at("examples"), "li"), "button", { type: "button", lang: own }, text).addEventListener("click", () => { touched = true; put(text); });
  }
  put(EXAMPLES[language === "fr" ? 3 : 1][1]);
}
