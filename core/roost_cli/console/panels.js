// The panels beside an agent's state: schedules, figures, dead letters, the event log, frames.

import { brief, bytes, clock, h, ms, problem, span, ticking } from "./dom.js";
import { pathOf, post, request } from "./http.js";

const KEPT = 200;

export const panel = (title, id, ...children) =>
  h("section", { class: "panel", id }, h("h2", {}, title), ...children);

const spec = (s) =>
  s.kind === "cron" ? `cron ${s.expression} ${s.tz}` : s.kind === "every" ? `every ${span(s.ms / 1000)}` : `once, ${clock(s.ms / 1000)}`;

/** The list of schedules with the time left of each; rebuilt when it changed. */
export function schedules(box, status) {
  const key = JSON.stringify(status?.schedules ?? []);
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  const rows = (status?.schedules ?? []).map((s) =>
    h("li", {},
      ticking({ class: "left" }, () => { const left = s.due - Date.now() / 1000; return left > 0 ? span(left) : "now"; }),
      h("span", { class: "what" }, h("b", {}, s.key), h("small", {}, `${s.target} · ${spec(s.spec)}`),
        s.attempts ? h("small", { class: "warn" }, `${s.attempts} failed attempts`) : null)));
  box.replaceChildren(rows.length ? h("ul", { class: "schedules" }, rows) : h("p", { class: "none" }, "Nothing is scheduled."));
}

/** Figures of an agent. */
export function figures(box, status) {
  if (!status) return box.replaceChildren(h("p", { class: "none" }, "It does not exist yet: a first call makes it."));
  const ticks = Object.entries(status.metrics?.ticks ?? {});
  const total = ticks.reduce((sum, [, by]) => sum + Object.values(by).reduce((a, b) => a + b, 0), 0);
  const one = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value)));
  const error = status.metrics?.last_error;
  box.replaceChildren(
    h("dl", { class: "figures" },
      one("ticks since awake", total), one("mean tick", total ? ms(status.metrics.mean_seconds) : "–"),
      one("longest", total ? ms(status.metrics.longest_seconds) : "–"), one("stored", bytes(status.stored_bytes)),
      one("sockets", status.connections), one("mailbox", status.mailbox), one("outbox", status.outbox),
      one("events", status.events)),
    ticks.length ? h("p", { class: "chips" }, ticks.flatMap(([kind, by]) => Object.entries(by).map(([outcome, n]) =>
      h("span", { class: outcome === "value" ? "chip" : "chip bad" }, `${kind} ${outcome === "value" ? "" : outcome + " "}${n}`)))) : "",
    error ? problem({ doc: { title: "Last error", detail: error.message, code: error.code, id: error.id } }) : "");
}

/** A button for what can't be undone: it asks, and is pressed a second time within 4 s. */
function sure(name, act) {
  let armed;
  const button = h("button", { type: "button", class: "danger", onclick: () => {
    if (armed) return act();
    button.textContent = `${name} for good?`;
    armed = setTimeout(() => { armed = undefined; button.textContent = name; }, 4000);
  } }, name);
  return button;
}

/** Dead letters, with a way back into the mailbox, and one out of the world. */
export function deadLetters(box, kind, key, letters, done) {
  box.parentElement.hidden = !letters.length;
  const shown = JSON.stringify(letters);
  if (box.dataset.shown === shown) return;
  box.dataset.shown = shown;
  const again = async (id) => {
    try {
      await post(`${pathOf(kind, key)}/dead-letters`, id ? { id } : {});
      done();
    } catch (error) {
      box.prepend(problem(error));
    }
  };
  const drop = async (id) => {
    try {
      await request("DELETE", `${pathOf(kind, key)}/dead-letters${id ? `?id=${encodeURIComponent(id)}` : ""}`);
      done();
    } catch (error) {
      box.prepend(problem(error));
    }
  };
  box.replaceChildren(
    h("ul", { class: "letters" }, letters.map((d) =>
      h("li", {}, h("div", {}, h("b", {}, d.action ?? d.id), " ", h("small", {}, d.at ? clock(d.at) : "")),
        h("p", {}, d.error?.message ?? d.error?.detail ?? JSON.stringify(d.error ?? d)),
        d.error?.cause ? h("pre", { class: "frame" }, [d.error.cause.line, `${d.error.cause.type}: ${d.error.cause.message}`].filter(Boolean).join("\n")) : null,
        h("div", { class: "row" }, h("button", { onclick: () => again(d.id) }, "Redrive"), sure("Drop", () => drop(d.id)))))),
    letters.length > 1 ? h("div", { class: "row" }, h("button", { onclick: () => again() }, `Redrive all ${letters.length}`),
      sure(`Drop all ${letters.length}`, () => drop())) : "");
}

/** A feed, newest first; returns what adds a line. */
export function feed(none) {
  const list = h("ul", { class: "feed" }), empty = h("p", { class: "none" }, none);
  const element = h("div", {}, empty, list);
  const add = (head, body, kind) => {
    empty.hidden = true;
    list.prepend(h("li", { class: kind ?? "" }, head, body));
    while (list.childElementCount > KEPT) list.lastElementChild.remove();
  };
  return { element, add };
}

/** The lines of the event log. */
export function eventLine(log, type, entry) {
  if (type === "gap") return log.add(h("small", {}, "gap"), h("span", {}, `older events are gone; the first kept is ${entry.first}`), "gap");
  if (type === "chunk" || type === "stream-reset") return undefined; // shown where they were asked for
  const at = typeof entry.at === "number" ? entry.at : Date.parse(entry.at) / 1000;
  return log.add(h("small", {}, `${entry.seq} · ${clock(at)}`),
    h("span", {}, h("b", { class: "kind" }, entry.kind), " ", entry.data === null ? null : brief(entry.data)));
}
