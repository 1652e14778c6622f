// What the server has seen: an agent's ticks, its KV, the author's line behind an error, the log.

import { brief, bytes, clock, h, ms, problem } from "./dom.js";
import { get } from "./http.js";

const query = (values) => new URLSearchParams(values).toString();

/** {element, refresh}: the ticks of an agent since the server began, the newest first, each as long as it ran. */
export function timeline(kind, key) {
  const list = h("ol", { class: "ticks" }), none = h("p", { class: "none" }, "No tick since the server began.");
  let shown = "";
  async function refresh() {
    const { ticks = [] } = await get(`/_roost/ticks?${query({ kind, key })}`);
    const text = JSON.stringify(ticks);
    if (text === shown) return;
    shown = text;
    none.hidden = ticks.length > 0;
    const most = Math.max(0.001, ...ticks.map((t) => t.seconds));
    list.replaceChildren(...ticks.slice(0, 40).map((t) => row(t, most)));
  }
  return { element: h("div", {}, none, list), refresh };
}

function row(tick, most) {
  const wrote = Object.entries(tick.wrote).map(([what, n]) => h("span", { class: "chip" }, `${n} ${what}`));
  const bar = h("meter", { min: 0, max: most, value: tick.seconds, title: ms(tick.seconds), ariaLabel: `ran ${ms(tick.seconds)}` });
  const name = tick.what.startsWith(tick.kind) || tick.kind === tick.what ? tick.what : `${tick.kind} ${tick.what}`;
  return h("li", { class: tick.error ? "bad" : "" }, h("small", {}, clock(tick.at)), h("div", {},
    h("div", { class: "row" }, h("b", { class: "kind" }, name), bar, h("small", {}, ms(tick.seconds)),
      tick.attempt > 1 ? h("span", { class: "chip bad" }, `attempt ${tick.attempt}`) : null),
    tick.by ? h("small", {}, tick.by) : null, wrote.length ? h("div", { class: "chips" }, wrote) : null,
    tick.error ? h("p", { class: "warn" }, tick.error) : null));
}

/** A panel's content: an agent's KV by prefix, a page at a time. */
export function values(kind, key) {
  const prefix = h("input", { placeholder: "keys begin with", ariaLabel: "Keys begin with", spellcheck: false });
  const list = h("dl", { class: "values" }), none = h("p", { class: "none" }), more = h("button", { type: "button", class: "link", hidden: true }, "Show more");
  let last = "";
  async function load(after) {
    try {
      const found = await get(`/_roost/kv?${query({ kind, key, prefix: prefix.value, after })}`);
      if (!after) list.replaceChildren();
      for (const one of found.values ?? []) {
        last = one.key;
        let shown = one.value;
        try { shown = brief(JSON.parse(one.value)); } catch { /* cut off: as text */ }
        list.append(h("dt", {}, one.key, h("small", {}, ` ${bytes(one.bytes)}`)), h("dd", {}, shown));
      }
      none.textContent = list.childElementCount ? "" : "Nothing is stored in KV.";
      more.hidden = !found.more;
    } catch (error) {
      none.replaceChildren(problem(error));
    }
  }
  more.addEventListener("click", () => load(last));
  const form = h("form", { class: "send", onsubmit: (event) => { event.preventDefault(); load(""); } }, prefix, h("button", {}, "Look"));
  const box = h("details", { class: "edit", ontoggle: () => box.open && load("") }, h("summary", {}, "Look at what is stored"), form, none, list, more);
  return box;
}

/** The server's log, read while it is open. */
export function serverLog() {
  const list = h("ol", { class: "feed log" });
  let timer;
  async function load() {
    const { lines = [] } = await get("/_roost/log");
    list.replaceChildren(...lines.map((l) => h("li", { class: l.level }, h("small", {}, `${clock(l.at)} ${l.level}`),
      h("div", {}, l.text, l.frame ? h("pre", { class: "frame" }, l.frame) : null))));
    if (!lines.length) list.replaceChildren(h("li", {}, h("small", {}, ""), "Nothing was logged since the server began."));
  }
  const box = h("details", {
    class: "edit",
    ontoggle: () => {
      clearInterval(timer);
      if (box.open) { load(); timer = setInterval(() => (box.isConnected ? document.hidden || load().catch(() => {}) : clearInterval(timer)), 1500); }
    },
  }, h("summary", {}, "The server's log"), list);
  return box;
}

/** Beneath a problem that has an id: the author's code, where it was raised. */
export async function explain(card, id) {
  try {
    const { frame } = await get(`/_roost/error?${query({ id })}`);
    if (frame) card.append(h("pre", { class: "frame" }, frame));
  } catch {
    // the log has it
  }
}
