// A form for the arguments of an action, or for an answer, made from a JSON schema; and what was typed, read back from it.

import { h } from "./dom.js";

const resolve = (schema, defs) =>
  schema.$ref ? resolve(defs[schema.$ref.split("/").pop()] ?? {}, defs) : schema;

/** What kind of control fits: {control, schema, nullable}. */
function shape(schema, defs) {
  let one = resolve(schema, defs), nullable = false;
  const options = one.anyOf ?? one.oneOf;
  if (options) {
    const rest = options.map((o) => resolve(o, defs)).filter((o) => o.type !== "null");
    nullable = rest.length < options.length;
    if (rest.length !== 1) return { control: "json", schema: one, nullable };
    one = rest[0];
  }
  if (one.enum) return { control: "choice", schema: one, nullable };
  const control = { integer: "number", number: "number", boolean: "switch", string: "text" }[one.type] ?? "json";
  return { control, schema: one, nullable };
}

/** A first value that the schema allows, to begin editing from. */
export function example(schema, defs, depth = 0) {
  if (depth > 5) return null;
  const one = resolve(schema, defs);
  if (one.default !== undefined) return one.default;
  if (one.enum) return one.enum[0];
  const option = (one.anyOf ?? one.oneOf ?? []).find((o) => o.type !== "null");
  if (option) return example(option, defs, depth + 1);
  if (one.type === "object") {
    const names = Object.keys(one.properties ?? {});
    return Object.fromEntries(names.map((n) => [n, example(one.properties[n], defs, depth + 1)]));
  }
  return { array: [], string: "", integer: 0, number: 0, boolean: false }[one.type] ?? null;
}

/** {element, read()}: `read` returns the body of a call, or throws what is wrong with which field. */
export function argumentsForm(action) {
  const { schema } = action, defs = schema.$defs ?? {};
  if (schema.type === "array") {
    const all = field("args", { type: "array", default: example(schema, defs) }, defs, true);
    return { elements: [all.element], read: () => ({ args: all.read() ?? [] }) };
  }
  const required = new Set(schema.required ?? []);
  const fields = Object.entries(schema.properties ?? {}).map(([name, s]) => field(name, s, defs, required.has(name)));
  return {
    elements: fields.map((f) => f.element),
    read: () => ({ kwargs: Object.fromEntries(fields.map((f) => [f.name, f.read()]).filter(([, v]) => v !== undefined)) }),
  };
}

/** The same for one value of a schema: `read` returns the value. */
export function valueForm(schema) {
  const defs = schema.$defs ?? {}, one = resolve(schema, defs);
  if (one.type !== "object" || !one.properties) {
    const all = field("value", { ...schema, ...one }, defs, true);
    return { elements: [all.element], read: () => all.read() ?? null };
  }
  const form = argumentsForm({ schema: { ...one, $defs: defs } });
  return { elements: form.elements, read: () => form.read().kwargs };
}

function field(name, schema, defs, required) {
  const { control, schema: one, nullable } = shape(schema, defs);
  const fallback = schema.default;
  const hint = required ? "" : fallback === undefined || fallback === null ? "optional" : JSON.stringify(fallback);
  let input, read;
  if (control === "switch") {
    input = h("input", { type: "checkbox", name, checked: fallback === true });
    read = () => input.checked;
  } else if (control === "choice") {
    const empty = required ? [] : [h("option", { value: "" }, hint)];
    input = h("select", { name }, ...empty, one.enum.map((v) => h("option", { value: JSON.stringify(v) }, String(v))));
    read = () => (input.value === "" ? undefined : JSON.parse(input.value));
  } else if (control === "json") {
    const start = required || fallback ? JSON.stringify(example(schema, defs), null, 1).replace(/\n\s*/g, " ") : "";
    input = h("textarea", { name, rows: 2, spellcheck: false, placeholder: hint || "JSON", value: start });
    read = () => {
      if (input.value.trim() === "") return required && nullable ? null : undefined;
      try {
        return JSON.parse(input.value);
      } catch (error) {
        throw new Error(`${name} is not JSON: ${error.message}`);
      }
    };
  } else {
    const number = control === "number";
    input = h("input", {
      name, type: number ? "number" : "text", step: one.type === "integer" ? "1" : "any", placeholder: hint,
      autocomplete: "off", spellcheck: false,
    });
    read = () => {
      if (input.value === "") return required ? (nullable ? null : number ? wrong(name) : "") : undefined;
      return number ? Number(input.value) : input.value;
    };
  }
  input.title = one.description ?? schema.description ?? "";
  const type = control === "json" ? "JSON" : (one.format ?? one.type ?? "choice");
  const element = h("label", { class: `field ${control}` }, h("span", {}, name, h("small", {}, type)), input);
  return { name, element, read };
}

function wrong(name) {
  throw new Error(`${name} needs a number`);
}
