// One action: its form, and what came of calling it.

import { copier } from "./copy.js";
import { h, json, ms, problem, prose } from "./dom.js";
import { argumentsForm } from "./form.js";
import { call, tell } from "./http.js";

/** A card; `done` is called after each call, whatever came of it. */
export function actionCard(kind, key, action, done, origin) {
  const form = argumentsForm(action);
  const out = h("div", { class: "out", ariaLive: "polite" });
  const marks = [action.readonly && "read only", action.streams && "streams"].filter(Boolean);
  const run = h("button", { class: "primary" }, "Call");
  const park = h("button", { type: "button", title: "durable: parked in the store, retried, applied once" }, "Tell");
  park.addEventListener("click", () => attempt((body) => show("told", () => tell(kind, key, action, body))));

  function attempt(work) {
    try {
      work(form.read());
    } catch (error) {
      out.replaceChildren(problem({ doc: { title: "Not sent", detail: error.message } }));
    }
  }

  async function show(verb, work, partial) {
    run.disabled = true;
    const begun = performance.now();
    out.classList.add("busy");
    try {
      const answer = await work();
      const took = ms((performance.now() - begun) / 1000);
      const value = verb === "told" ? answer : answer.result;
      const body = partial?.any ? partial.element : value === null ? "" : h("pre", { class: "json" }, text(value));
      out.replaceChildren(h("p", { class: "facts ok" }, verb === "told" ? "accepted" : "done", h("code", {}, took)), body);
    } catch (error) {
      out.replaceChildren(problem(error), ...(partial?.any ? [partial.element] : []));
    } finally {
      run.disabled = false;
      out.classList.remove("busy");
      done();
    }
  }

  const element = h("form", {
    class: "action", autocomplete: "off", id: `action-${action.name}`,
    onsubmit: (event) => {
      event.preventDefault();
      attempt((body) => {
        const partial = chunks(out);
        show("called", () => call(kind, key, action, body, partial.add), partial);
      });
    },
  },
  h("div", { class: "action-head" }, h("h3", {}, action.name), marks.map((m) => h("span", { class: "mark" }, m))),
  action.doc ? h("p", { class: "doc" }, prose(action.doc)) : null,
  form.elements.length ? h("div", { class: "fields" }, form.elements) : null,
  h("div", { class: "row" }, run, action.readonly ? null : park), out,
  copier(origin, kind, key, action, form.read, (error) => out.replaceChildren(problem({ doc: { title: "Not sent", detail: error.message } }))));
  return element;
}

/** A list of words reads best as the text it makes. */
function text(value) {
  if (typeof value === "string") return h("span", { class: "j-text" }, value);
  if (Array.isArray(value) && value.length > 3 && value.every((v) => typeof v === "string" && /\s$/.test(v))) {
    return h("span", { class: "j-text" }, value.join(""));
  }
  return json(value);
}

/** Where the chunks of a stream appear while it runs: text flows, anything else is a line each. */
function chunks(out) {
  const element = h("pre", { class: "json live" });
  const self = { element, any: false };
  self.add = (chunk) => {
    if (chunk === undefined) return element.replaceChildren(); // a reset: what was shown is void
    if (!self.any) out.replaceChildren(h("p", { class: "facts" }, "streaming"), element);
    self.any = true;
    element.append(typeof chunk === "string" ? h("span", { class: "j-text" }, chunk) : h("div", {}, json(chunk)));
  };
  return self;
}
