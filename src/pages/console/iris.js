// The iris: four measures, the flower that has them, and what the forest says of it.

/** Each measure with the least and the greatest of the data set, in centimetres. */
const MEASURES = [["sepal_length", 4.3, 7.9], ["sepal_width", 2, 4.4], ["petal_length", 1, 6.9], ["petal_width", 0.1, 2.5]];
/** The medians of each species in the data set. */
const TYPICAL = { setosa: [5, 3.4, 1.5, 0.2], versicolor: [5.9, 2.8, 4.3, 1.3], virginica: [6.5, 3, 5.5, 2] };
const CENTIMETRE = 12; // in units of the drawing
const LEAF = "M0 0C.5-.06 .833-.94 0-1C-.833-.94-.5-.06 0 0Z", SIGN = "M0-.06C.16-.1 .2-.42 0-.5C-.2-.42-.16-.1 0-.06Z", VEIN = "M0-.1V-.86";

const iris = { answer: null, refusal: null };
let irisTimer = 0;
const tellIris = teller("iris-told");

const measures = () => MEASURES.map(([name]) => Number(at(name).value));

function drawFlower() {
  const [sepalLength, sepalWidth, petalLength, petalWidth] = measures();
  const scale = { sepal: [sepalWidth, sepalLength], petal: [petalWidth, petalLength] };
  for (const leaf of at("flower").querySelectorAll("g")) {
    const [width, length] = scale[leaf.dataset.kind];
    leaf.style.transform = `rotate(${leaf.dataset.turn}deg) scale(${width * CENTIMETRE}, ${length * CENTIMETRE})`;
  }
}

function drawIris() {
  for (const [name] of MEASURES) {
    const length = words.centimetres(new Intl.NumberFormat(language, { minimumFractionDigits: 1 }).format(at(name).value));
    at(`${name}-value`).textContent = length;
    at(name).setAttribute("aria-valuetext", length);
  }
  drawFlower();
  const shown = iris.answer?.json, classes = Object.keys(TYPICAL);
  at("species").textContent = shown ? `Iris ${shown.prediction}` : "–";
  at("confidence").textContent = shown ? words.confidence(percent.format(shown.confidence)) : "";
  at("flower").setAttribute("class", shown?.prediction ?? "");
  at("flower").setAttribute("aria-label", words.flower + (shown ? `: Iris ${shown.prediction}` : ""));
  bars(at("classes"), classes.map((name) => [name, name, shown?.probabilities[name]]), true);
  at("iris-time").textContent = shown ? words.time(words.forest, time(iris.answer.told), time(iris.answer.took)) : "";
  at("iris-fault").textContent = iris.refusal ? fault(iris.refusal, "predict") : "";
  if (shown && !iris.refusal) tellIris(words.irisTold(shown.prediction, percent.format(shown.confidence)));
}

function classifySoon(pause) {
  clearTimeout(irisTimer);
  irisTimer = setTimeout(() => classify({ features: measures() }), pause);
}

const classify = newest(async ({ features }) => {
  const answer = await ask("predict", { features });
  iris.refusal = answer.status === 200 ? null : answer;
  if (answer.status === 200) iris.answer = answer;
  if (answer.status === 401) openDoor();
  else if ([0, 429, 503].includes(answer.status)) classifySoon(answer.wait * 1000);
  drawIris();
});

function startIris() {
  for (const [kind, first] of [["sepal", 60], ["petal", 0]]) {
    for (const turn of [0, 120, 240]) {
      const leaf = add(at("flower"), "g", { "data-kind": kind, "data-turn": first + turn });
      add(leaf, "path", { class: kind, d: LEAF });
      if (kind === "sepal") add(leaf, "path", { class: "sign", d: SIGN });
      add(leaf, "path", { class: "vein", d: VEIN });
    }
  }
  add(at("flower"), "circle", { class: "heart", r: 4 });
  MEASURES.forEach(([name, min, max], place) => {
    const row = add(at("sliders"), "div");
    add(row, "label", { for: name, "data-say": name });
    add(row, "b", { id: `${name}-value`, "aria-hidden": true });
    add(row, "input", { id: name, type: "range", min, max, step: 0.1 }).value = TYPICAL.versicolor[place];
  });
  at("sliders").addEventListener("input", () => { drawIris(); classifySoon(30); });
  for (const [name, typical] of Object.entries(TYPICAL)) {
    add(add(at("presets"), "li"), "button", { type: "button" }, name).addEventListener("click", () => {
      MEASURES.forEach(([measure], place) => { at(measure).value = typical[place]; });
      drawIris();
      classifySoon(0);
    });
  }
  classifySoon(0);
}
