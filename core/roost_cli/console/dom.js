// Making elements, showing JSON, saying times. No innerHTML anywhere: what agents hold is data, not markup.

/** An element: h("p", {class: "note", onclick: f}, "text", child). */
export function h(tag, props, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "class") el.className = value;
    else if (name in el) el[name] = value;
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children.flat(9).filter((c) => c !== null && c !== undefined && c !== false));
  return el;
}

const scalar = (value) => value === null || typeof value !== "object";

/** JSON as elements; leaves that differ from `before` are marked, so that a change can be seen. */
export function json(value, before, fresh = before !== undefined, inline = false) {
  if (scalar(value)) {
    const kind = value === null ? "null" : typeof value;
    const changed = fresh && before !== value;
    return h("span", { class: `j-${kind}${changed ? " changed" : ""}` }, JSON.stringify(value));
  }
  const list = Array.isArray(value);
  const entries = list ? value.map((v, i) => [i, v]) : Object.entries(value);
  const [left, right] = list ? "[]" : "{}";
  if (!entries.length) return h("span", { class: "j-empty" }, left + right);
  const flat = inline || (list && entries.length <= 8 && value.every(scalar) && JSON.stringify(value).length < 60);
  const known = before !== null && typeof before === "object";
  const items = entries.map(([name, item], i) => {
    const past = known ? (name in before ? before[name] : Symbol.for("new")) : undefined;
    const body = json(item, past, fresh, inline);
    const comma = i < entries.length - 1 ? "," : "";
    const key = list ? null : h("span", { class: "j-key" }, JSON.stringify(name).slice(1, -1), ": ");
    return h(flat ? "span" : "div", { class: flat ? "j-flat" : "j-line" }, key, body, comma);
  });
  return h("span", {}, left, ...items, right);
}

/** JSON for one line of a feed: short data stays on it. */
export const brief = (value) => json(value, undefined, false, JSON.stringify(value).length < 100);

/** A sentence of a docstring: `code` in backquotes is shown as code. */
export const prose = (text) => text.split("\n\n")[0].split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part));

/** Seconds as people say them. */
export function span(seconds) {
  const s = Math.max(0, seconds);
  if (s < 10) return `${s.toFixed(1)} s`;
  if (s < 60) return `${Math.floor(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m ${String(Math.floor(s % 60)).padStart(2, "0")} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} m`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

export const clock = (at) => new Date(at * 1000).toLocaleTimeString([], { hour12: false });

export function bytes(n) {
  return n < 1024 ? `${n} B` : n < 1 << 20 ? `${(n / 1024).toFixed(1)} KB` : `${(n / (1 << 20)).toFixed(1)} MB`;
}

export const ms = (seconds) => (seconds < 0.01 ? `${(seconds * 1000).toFixed(2)} ms` : `${(seconds * 1000).toFixed(1)} ms`);

// One timer for everything that counts: a callback lives as long as its element is on the page.
const counting = new Map();
setInterval(() => {
  for (const [el, call] of counting) el.isConnected ? call() : counting.delete(el);
}, 100);

/** An element whose text is `text()`, kept current. */
export function ticking(props, text) {
  const el = h("span", props, text());
  setTimeout(() => counting.set(el, () => { const now = text(); if (el.textContent !== now) el.textContent = now; }));
  return el;
}

let explained = () => {};
/** `explain(card, id)` is called for a problem that has an id in the log. */
export const explainBy = (explain) => { explained = explain; };

/** A problem document (RFC 9457), or any error, as a card. */
export function problem(error) {
  const doc = error.doc ?? { title: error.name ?? "Error", detail: error.message ?? String(error) };
  const facts = [doc.status, doc.code, doc.id && `log id ${doc.id}`, doc.retry_after && `try again after ${doc.retry_after} s`];
  const card = h("div", { class: "problem", role: "alert" },
    h("b", {}, doc.title ?? "Error"), h("p", {}, doc.detail ?? ""),
    h("p", { class: "facts" }, facts.filter(Boolean).map((f) => h("code", {}, String(f)))),
    doc.data === undefined ? null : h("pre", { class: "json" }, json(doc.data)));
  if (doc.id) explained(card, doc.id);
  return card;
}
