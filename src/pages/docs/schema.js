"use strict";

/** An element with attributes, event listeners (functions) and children: elements, and texts as text. */
const el = (name, attributes, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (typeof value === "function") made.addEventListener(key, value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== ""));
  return made;
};

/** Text in which `code` is code. */
const prose = (text) => (text ?? "").split("`").map((part, index) => (index % 2 ? el("code", {}, part) : part));

/** The document, once it is there. */
let api;

/** What a reference leads to, and its name; anything else as it is. */
const resolve = (node) => {
  if (!node?.$ref) return [node, ""];
  const path = node.$ref.slice(2).split("/").map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return [path.reduce((at, part) => at?.[part], api), path.at(-1)];
};

/** The type of a schema in a few words. */
const typeOf = (schema) => {
  const [found, name] = resolve(schema);
  if (found === true || found === undefined || Object.keys(found).every((key) => key === "description" || key === "title")) return "anything";
  if (found === false) return "nothing";
  if ("const" in found) return JSON.stringify(found.const);
  if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" | ");
  const several = found.oneOf ?? found.anyOf;
  if (several && !found.type) return name || several.map(typeOf).join(" | ");
  if (found.allOf) return name || found.allOf.map(typeOf).join(" and ");
  const types = [found.type ?? "object"].flat();
  return types.map((type) => (type === "array" && found.items ? `list of ${typeOf(found.items)}` : name && type === "object" ? name : type)).join(" | ");
};

/** What else a schema asks for. */
const limits = (schema) => {
  const [found] = resolve(schema);
  const told = [];
  for (const [low, high, unit] of [["minLength", "maxLength", " characters"], ["minItems", "maxItems", " elements"], ["minProperties", "maxProperties", " members"], ["minimum", "maximum", ""]]) {
    const [least, most] = [found?.[low], found?.[high]];
    if (least !== undefined && most !== undefined) told.push(least === most ? `${least}${unit}` : `${least} to ${most}${unit}`);
    else if (least !== undefined) told.push(`at least ${least}${unit}`);
    else if (most !== undefined) told.push(`at most ${most}${unit}`);
  }
  if (found?.pattern) told.push(found.pattern.length > 40 ? "matches a pattern" : `matches ${found.pattern}`);
  if (found && "default" in found) told.push(`${JSON.stringify(found.default)} if left out`);
  return told.length ? `${told.join(", ")}. ` : "";
};

/** What stands inside a schema, to be unfolded; nothing where nothing does. */
const inside = (schema) => {
  const [found] = resolve(schema);
  if (!found || typeof found !== "object") return [];
  const parts = [];
  if (found.properties) {
    const required = found.required ?? [];
    const names = [...required.filter((name) => name in found.properties), ...Object.keys(found.properties).filter((name) => !required.includes(name))];
    parts.push(el("dl", { class: "members" }, names.map((name) => member(name, found.properties[name], required.includes(name)))));
  }
  for (const choice of found.oneOf ?? found.anyOf ?? found.allOf ?? []) parts.push(unfolding(choice, resolve(choice)[0]?.title));
  if (found.items && typeof found.items === "object") parts.push(unfolding(found.items, "each element"));
  if (found.additionalProperties && typeof found.additionalProperties === "object") parts.push(unfolding(found.additionalProperties, "each member"));
  return parts;
};

const member = (name, schema, required) => [
  el("dt", {}, el("span", { class: "mono" }, name), required ? "" : el("span", { class: "quiet" }, " may be left out")),
  el("dd", {}, el("span", { class: "type" }, typeOf(schema)), " ", limits(schema), prose(resolve(schema)[0]?.description), nested(schema)),
];

/** The inside of a member's schema, where that has one. */
const nested = (schema) => {
  const [found] = resolve(schema);
  const deep = found && ["properties", "oneOf", "anyOf", "allOf"].some((key) => key in found);
  const listed = found?.items && typeof found.items === "object" && inside(found.items).length > 0;
  return deep || listed ? unfolding(schema, "what it is made of") : "";
};

/** A schema that shows its inside when it is opened. */
const unfolding = (schema, title) => {
  const open = (event) => {
    const details = event.target;
    if (details.open && details.childElementCount === 1) {
      const parts = inside(schema);
      details.append(...(parts.length ? parts : [el("p", { class: "quiet" }, limits(schema) || "Nothing more is asked of it.")]));
    }
  };
  const label = [title ? `${title}: ` : "", el("span", { class: "type" }, typeOf(schema)), " ", prose(resolve(schema)[0]?.description)];
  return el("details", { class: "schema", toggle: open }, el("summary", {}, label));
};
