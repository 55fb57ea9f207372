"use strict";

/** A word for a shell. */
const quoted = (text) => (/^[\w./:=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);

/** What is sent of an example: a form as a form, JSON as JSON, text as it is. */
const bodyOf = (media, value) => {
  if (media === "application/x-www-form-urlencoded") return new URLSearchParams(value).toString();
  return typeof value === "string" ? value : JSON.stringify(value);
};

/** A value as people read it. */
const shown = (value) => (typeof value === "string" ? value : JSON.stringify(value, null, 2));

/** The headers by which the page's user is known, as far as the operation asks for any. */
const credentials = (operation) => {
  const schemes = (operation.security ?? []).flatMap((one) => Object.keys(one));
  const [key, token] = ["key", "token"].map((id) => document.getElementById(id).value);
  return {
    ...(key && schemes.includes("ApiKey") ? { "X-API-Key": key } : {}),
    ...(token && schemes.includes("Token") ? { Authorization: `Bearer ${token}` } : {}),
  };
};

/** The command that sends a request; secrets are named, not told. */
const curlOf = (method, path, operation, media, body) => {
  const words = ["curl"];
  if (method !== "get" && body === undefined) words.push("-X", method.toUpperCase());
  for (const name of Object.keys(credentials(operation))) words.push("-H", name === "X-API-Key" ? '"X-API-Key: $KEY"' : '"Authorization: Bearer $TOKEN"');
  if (body !== undefined) words.push("-H", quoted(`content-type: ${media}`), "--data-binary", quoted(body));
  words.push(quoted(location.origin + path));
  return words.join(" ");
};

/** A button that copies what `text` answers. */
const copy = (label, text) => {
  const button = el("button", { type: "button", click: async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed";
    }
    setTimeout(() => { button.textContent = label; }, 1500);
  } }, label);
  return button;
};

/** The form that sends a request of an operation, and what came of it. */
const trial = (method, path, operation) => {
  const parameters = (operation.parameters ?? []).map((one) => resolve(one)[0]);
  const fields = parameters.map((parameter) => {
    const input = el("input", { name: parameter.name, spellcheck: "false", placeholder: parameter.required ? "" : "left out" });
    if (parameter.in === "path") input.value = parameter.example ?? "";
    return { parameter, input };
  });
  const content = operation.requestBody?.content ?? {};
  const examples = Object.entries(content).flatMap(([media, { examples }]) => Object.entries(examples ?? {}).map(([name, one]) => ({ media, name, one })));
  const choice = el("select", { "aria-label": "Example" }, examples.map(({ media, one, name }, index) => el("option", { value: String(index) }, `${(one.summary || name).replaceAll("`", "")} (${media})`)));
  const body = el("textarea", { spellcheck: "false", "aria-label": "Body" });
  const chosen = () => examples[Number(choice.value) || 0];
  const fill = () => { body.value = examples.length ? (chosen().media === "application/json" ? shown(chosen().one.value) : bodyOf(chosen().media, chosen().one.value)) : ""; };
  choice.addEventListener("change", fill);
  fill();
  const media = () => chosen()?.media;
  const target = () => fields.reduce((at, { parameter, input }) => (parameter.in === "path" ? at.replace(`{${parameter.name}}`, encodeURIComponent(input.value)) : at), path);
  const sent = () => (examples.length ? body.value : undefined);
  const result = el("div", { class: "result", hidden: true, role: "status" });
  const send = async (event) => {
    event?.preventDefault();
    const headers = credentials(operation);
    if (sent() !== undefined) headers["Content-Type"] = media();
    for (const { parameter, input } of fields) if (parameter.in === "header" && input.value) headers[parameter.name] = input.value;
    const started = performance.now();
    result.hidden = false;
    try {
      const answer = await fetch(target(), { method: method.toUpperCase(), headers, body: sent(), cache: "no-store" });
      const bytes = await answer.arrayBuffer();
      tell(result, answer, bytes, performance.now() - started);
    } catch (error) {
      result.replaceChildren(el("p", { class: "bad" }, `Not sent: ${error.message}`));
    }
  };
  const form = el("form", { class: "try", submit: send, keydown: (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit(); } },
    fields.length ? el("div", { class: "fields" }, fields.map(({ parameter, input }) => el("label", {}, `${parameter.name} (${parameter.in}) `, input))) : "",
    examples.length ? [choice, body] : "",
    el("div", { class: "bar" }, el("button", { class: "send" }, "Send"), copy("Copy as curl", () => curlOf(method, target(), operation, media(), sent()))),
    result);
  return form;
};

/** Shows status, time, headers and body of an answer. */
const tell = (result, answer, bytes, milliseconds) => {
  const type = answer.headers.get("content-type") ?? "";
  let text = type.includes("octet-stream") || type.includes("protobuf") ? `${bytes.byteLength} bytes` : new TextDecoder().decode(bytes);
  if (/[/+]json/.test(type)) {
    try { text = JSON.stringify(JSON.parse(text), null, 2); } catch { /* as it came */ }
  }
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n");
  const grade = answer.status < 400 ? "good" : "bad";
  result.replaceChildren(
    el("p", {}, el("span", { class: `status ${grade}` }, `${answer.status} ${answer.statusText}`), el("span", { class: "quiet" }, `${milliseconds.toFixed(1)} ms, ${bytes.byteLength} bytes`)),
    el("pre", { class: "headers", "aria-label": "Header fields" }, headers),
    text ? el("pre", { class: "body", "aria-label": "Body of the answer", tabindex: "0" }, text) : el("p", { class: "quiet" }, "No body."));
};
