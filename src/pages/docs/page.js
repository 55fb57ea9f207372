"use strict";

const METHODS = ["get", "post", "put", "delete", "patch"];
const at = (id) => document.getElementById(id);

/** An example with its summary and the way to take it along. */
const exampleOf = (name, one, command) => {
  const [found] = resolve(one);
  return el("div", { class: "example" },
    el("div", { class: "bar" }, el("span", { class: "grow" }, el("code", {}, name), " ", prose(found.summary)),
      copy("Copy", () => shown(found.value)), command ? copy("Copy as curl", () => command(found.value)) : ""),
    el("pre", { tabindex: "0" }, shown(found.value)));
};

/** What a request may be sent as. */
const request = (method, path, operation) => Object.entries(operation.requestBody?.content ?? {}).map(([media, { schema, examples }]) => el("div", {},
  el("h4", {}, "Send ", el("span", { class: "mono" }, media)),
  unfolding(schema, "Schema"),
  Object.entries(examples ?? {}).map(([name, one]) => exampleOf(name, one, (value) => curlOf(method, path, operation, media, bodyOf(media, value))))));

/** What may be answered. */
const answers = (operation) => Object.entries(operation.responses).map(([status, response]) => {
  const [found] = resolve(response);
  const grade = status < 300 ? "good" : status < 400 ? "other" : "bad";
  // Those come back with every answer.
  const headers = Object.keys(found.headers ?? {}).filter((name) => !["traceparent", "X-Request-ID"].includes(name));
  return el("details", { class: "answer", open: status < 300 },
    el("summary", {}, el("span", { class: `status ${grade}` }, status), prose(found.description), headers.length ? el("span", { class: "quiet" }, ` with ${headers.join(", ")}`) : ""),
    Object.entries(found.content ?? {}).map(([media, { schema, examples }]) => el("div", {},
      el("p", { class: "quiet mono" }, media), unfolding(schema, "Schema"),
      Object.entries(examples ?? {}).map(([name, one]) => exampleOf(name, one)))));
});

const parametersOf = (operation) => {
  const list = (operation.parameters ?? []).map((one) => resolve(one)[0]);
  if (!list.length) return "";
  return [el("h4", {}, "Parameters"), el("dl", { class: "members" }, list.map((one) => [
    el("dt", {}, el("span", { class: "mono" }, one.name), el("span", { class: "quiet" }, ` in ${one.in}${one.required ? "" : ", may be left out"}`)),
    el("dd", {}, el("span", { class: "type" }, typeOf(one.schema)), " ", limits(one.schema), prose(one.description))]))];
};

/** Who may take it. */
const access = (operation) => {
  const schemes = [...new Set((operation.security ?? []).flatMap((one) => Object.keys(one)))];
  return schemes.length ? `Where authentication is on: ${schemes.join(", ")}.` : "Open to everybody.";
};

/** An operation, which is drawn when it is opened. */
const article = (method, path, operation) => {
  const draw = (event) => {
    const details = event.target;
    if (!details.open || details.childElementCount > 1) return;
    details.append(el("div", { class: "inside" },
      el("p", {}, prose(operation.description)), el("p", { class: "quiet" }, access(operation)),
      parametersOf(operation), request(method, path, operation),
      el("h4", {}, "Try it"), trial(method, path, operation),
      el("h4", {}, "Answers"), answers(operation)));
  };
  return el("article", { id: operation.operationId, "data-words": [method, path, operation.operationId, operation.summary, operation.description].join(" ").toLowerCase() },
    el("details", { toggle: draw }, el("summary", {},
      el("h3", {}, el("span", { class: `method ${method}` }, method), el("span", { class: "path" }, path)), el("span", { class: "quiet" }, operation.summary))));
};

const draw = () => {
  at("version").textContent = api.info.version;
  const found = Object.entries(api.paths).flatMap(([path, item]) => METHODS.filter((method) => item[method]).map((method) => ({ method, path, operation: item[method] })));
  for (const { name, description } of api.tags) {
    const own = found.filter(({ operation }) => operation.tags.includes(name));
    at("operations").append(el("section", { "aria-label": name }, el("h2", {}, name), el("p", { class: "quiet" }, prose(description)),
      own.map(({ method, path, operation }) => article(method, path, operation))));
    at("list").append(el("section", {}, el("h2", {}, name), el("ul", {}, own.map(({ operation }) => el("li", {}, el("a", { href: `#${operation.operationId}` }, operation.summary))))));
  }
  at("contents").hidden = at("operations").hidden = false;
  at("loading").hidden = true;
};

/** Hides what has not all of the words. */
const filter = () => {
  const words = at("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const one of document.querySelectorAll("article")) one.hidden = !words.every((word) => one.dataset.words.includes(word));
  for (const link of document.querySelectorAll("#list a")) link.parentElement.hidden = at(link.hash.slice(1)).hidden;
  for (const section of document.querySelectorAll("main section, #list section")) section.hidden = !section.querySelector("article:not([hidden]), li:not([hidden])");
};

/** Opens the operation that the address names. */
const follow = () => {
  const named = location.hash && at(decodeURIComponent(location.hash.slice(1)));
  const details = named && named.querySelector(":scope > details");
  if (!details) return;
  details.open = true;
  details.querySelector("summary").focus({ preventScroll: true });
  named.scrollIntoView();
};

const begin = async () => {
  at("loading").hidden = false;
  try {
    const answer = await fetch("openapi.json");
    if (!answer.ok) throw new Error(`it answers ${answer.status}`);
    api = await answer.json();
    draw();
    follow();
  } catch (error) {
    at("loading").textContent = `The document cannot be had: ${error.message}.`;
  }
};

at("filter").addEventListener("input", filter);
at("credentials").addEventListener("submit", (event) => event.preventDefault());
addEventListener("hashchange", follow);
begin();
