// The page: which agents there are, which one is open, and how the server is.

import { AgentView } from "./agent.js";
import { explainBy, h, problem, prose, span, ticking } from "./dom.js";
import { actAs, get, request, setToken } from "./http.js";
import { explain, serverLog } from "./seen.js";
import { session } from "./session.js";

const $ = (id) => document.getElementById(id);
const page = { app: null, view: null, rows: [], cursor: null, more: 1, killed: 0, before: null };

async function boot() {
  try {
    setToken(await session());
    page.app = await get("/_roost/app");
  } catch (error) {
    if (!error.doc) return setTimeout(boot, 500); // the server is being restarted
    return $("main").replaceChildren(problem(error));
  }
  const { kinds, data, emulate } = page.app;
  $("open-kind").replaceChildren(...kinds.map((k) => h("option", {}, k.kind)));
  $("only").replaceChildren(h("option", { value: "" }, "all kinds"), ...kinds.map((k) => h("option", {}, k.kind)));
  explainBy(explain);
  $("where").replaceChildren(h("code", {}, data), emulate ? h("span", { class: "mark" }, `rules of ${emulate}`) : "");
  $("crash").disabled = false;
  addEventListener("hashchange", route);
  route();
  list();
  setInterval(() => document.hidden || list(), 2000);
  addEventListener("visibilitychange", () => document.hidden || list());
}

function route() {
  const [, kind, key] = location.hash.split("/").map((part) => decodeURIComponent(part));
  page.view?.close();
  page.view = null;
  $("recovery").hidden = true;
  const found = page.app.kinds.find((k) => k.kind === kind);
  if (found && key) {
    page.view = new AgentView(page.app, kind, key, heard);
    $("main").replaceChildren(page.view.element);
    $("open-kind").value = kind;
    document.title = `${kind}/${key} · Roost`;
  } else {
    $("main").replaceChildren(welcome());
    document.title = "Roost";
  }
  mark();
}

const hash = (kind, key) => `#/${encodeURIComponent(kind)}/${encodeURIComponent(key)}`;

function welcome() {
  const cards = page.app.kinds.map((k) =>
    h("a", { class: "card", href: hash(k.kind, "demo") }, h("b", {}, k.kind), k.doc ? h("p", {}, prose(k.doc)) : null,
      h("p", { class: "chips" }, k.actions.map((a) => h("span", { class: "chip" }, a.name)))));
  const first = page.app.kinds.find((k) => k.actions.length) ?? page.app.kinds[0];
  const step = (title, ...said) => h("li", {}, h("b", {}, title), h("p", {}, ...said));
  return h("article", { class: "welcome" }, h("h1", {}, "Pick an agent"),
    h("p", { class: "doc" }, "An agent is a kind and a key. It exists from its first call on, keeps its state, and sleeps between two calls. Looking at one changes nothing."),
    h("div", { class: "cards" }, cards),
    h("h2", {}, "The next three steps"),
    h("ol", { class: "steps-next" },
      step("Call one", "Open ", h("a", { href: hash(first.kind, "demo") }, `${first.kind}/demo`), ", press Call, watch the tick come and the state change; then press Crash."),
      step("Change the code", "Save a file: the server starts anew, sockets come back, state and timers stay. An error shows its line here."),
      step("Test and deploy", h("code", {}, "python -m pytest"), " has the fixture ", h("code", {}, "world"), "; ", h("code", {}, "roost bundle cloudflare"), " and ", h("code", {}, "roost bundle lambda"), " stage the same app.")),
    h("section", { class: "panel" }, serverLog()));
}

async function list() {
  try {
    const prefix = encodeURIComponent($("prefix").value), only = encodeURIComponent($("only").value);
    const waking = $("waking").checked;
    let rows = [], cursor = null;
    for (let n = 0; n < page.more; n++) {
      const found = await get(`/v1/agents?limit=50${only ? `&kind=${only}` : ""}${prefix ? `&prefix=${prefix}` : ""}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
      rows = rows.concat(found.agents.filter((r) => !waking || r.next_wake));
      cursor = found.cursor;
      if (!cursor) break;
    }
    $("more").hidden = !cursor;
    server("good", "serving");
    const text = JSON.stringify(rows);
    if (text !== page.rows) {
      page.rows = text;
      $("agents").replaceChildren(...(rows.length ? rows.map(row) : [h("li", { class: "none" }, prefix || only || waking ? "None is so." : "None yet. Open one above.")]));
      mark();
    }
  } catch (error) {
    if (!error.doc) server("bad", "restarting");
  }
}

function row(r) {
  const wake = r.next_wake ? ticking({ class: "wake" }, () => span(r.next_wake - Date.now() / 1000)) : h("small", {}, `v${r.version}`);
  return h("li", {}, h("a", { href: hash(r.kind, r.key) }, h("span", { class: "kind" }, r.kind), h("span", { class: "key" }, r.key), wake));
}

function mark() {
  for (const a of $("agents").querySelectorAll("a")) {
    const here = a.getAttribute("href") === location.hash;
    a.classList.toggle("here", here);
    if (here) a.setAttribute("aria-current", "page");
    else a.removeAttribute("aria-current");
  }
}

function server(kind, text) {
  $("server").className = `pill ${kind}`;
  $("server").textContent = text;
}

// Crash, and how everything comes back.

async function crash() {
  const view = page.view;
  page.before = view && { version: view.status?.version, schedules: view.status?.schedules?.length ?? 0, state: JSON.stringify(view.state) };
  page.killed = performance.now();
  $("crash").disabled = true;
  steps([["killed", "process killed, exit code 137"]]);
  server("bad", "killed");
  try {
    await request("POST", "/_roost/crash");
  } catch {
    // it may die before it has answered
  }
  const back = await returned();
  steps([["killed", "process killed, exit code 137"], ["back", `server back after ${back}`]]);
  server("good", "serving");
  $("crash").disabled = false;
  if (!view?.link) return settle();
  page.back = back;
}

async function returned() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 60));
    try {
      await fetch("/readyz", { cache: "no-store", signal: AbortSignal.timeout(3000) });
      if (performance.now() - page.killed > 250) return span((performance.now() - page.killed) / 1000);
    } catch {
      // not yet
    }
  }
}

async function heard(what, view) {
  if (what === "closed") return server("bad", "restarting");
  server("good", "serving");
  setTimeout(list, 300); // an agent may just have been made
  if (!page.killed || performance.now() - page.killed < 200) return;
  const took = span((performance.now() - page.killed) / 1000), before = page.before;
  page.killed = 0;
  await new Promise((resolve) => setTimeout(resolve, 300)); // the state frame and a status
  const same = JSON.stringify(view.state) === before?.state;
  const timers = view.status?.schedules?.length ?? 0;
  steps([
    ["killed", "process killed, exit code 137"], ["back", `socket back after ${took}`],
    ["back", same ? `state is what it was, version ${view.status?.version}` : `state is here, version ${view.status?.version}`],
    ["back", timers ? `${timers} of ${Math.max(timers, before?.schedules ?? 0)} timers still set` : "no timers were set"],
  ]);
  settle();
}

function steps(all) {
  $("recovery").hidden = false;
  $("recovery").replaceChildren(h("ol", {}, all.map(([kind, text]) => h("li", { class: kind }, text))));
}

function settle() {
  clearTimeout(page.settling);
  page.settling = setTimeout(() => { $("recovery").hidden = true; }, 8000);
}

$("open").addEventListener("submit", (event) => {
  event.preventDefault();
  location.hash = hash($("open-kind").value, $("open-key").value.trim() || "demo");
});
$("prefix").addEventListener("input", () => { page.more = 1; list(); });
for (const id of ["only", "waking"]) $(id).addEventListener("change", () => { page.more = 1; list(); });
$("as").addEventListener("change", () => { actAs($("as").value.trim()); route(); });
addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || /INPUT|TEXTAREA|SELECT/.test(event.target.tagName)) return;
  event.preventDefault();
  $("prefix").focus();
});
$("more").addEventListener("click", () => { page.more += 1; list(); });
$("crash").addEventListener("click", crash);
boot();
