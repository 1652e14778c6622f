// One agent: live state, actions, and everything around them.

import { actionCard } from "./action.js";
import { brief, h, json, problem, prose, span, ticking } from "./dom.js";
import { follow, get, pathOf, request } from "./http.js";
import { chatOf } from "./chat.js";
import { jobsOf } from "./jobs.js";
import { Link } from "./link.js";
import { timeline, values } from "./seen.js";
import { deadLetters, eventLine, feed, figures, panel, schedules } from "./panels.js";

export class AgentView {
  /** `app`: what /_roost/app says; `heard`: called with "open" or "closed" when the socket is. */
  constructor(app, kind, key, heard) {
    this.app = app;
    this.kind = app.kinds.find((k) => k.kind === kind);
    this.key = key;
    this.heard = heard;
    this.status = null;
    this.state = undefined;
    this.stop = new AbortController();
    this.build();
    follow(kind, key, this.stop.signal, (type, entry) => { eventLine(this.log, type, entry); this.soon(); });
    this.poll = setInterval(() => document.hidden || this.refresh(), 1000);
    this.refresh();
  }

  /** Into the room: a WebSocket, as a client has it. Until then this page only looks, and the agent knows nothing of it. */
  join() {
    this.joiner.hidden = true;
    this.note.replaceChildren();
    this.link = new Link(this.kind.kind, this.key, this.app.emulate === "lambda", {
      open: () => { this.socketState("open"); this.refresh(); this.heard("open", this); },
      closed: (code, reason, final) => this.socketState(final ? "refused" : "closed", `${code} ${reason}`),
      state: (state) => this.showState(state),
      frame: (frame) => this.frames.add(h("small", {}, "received"), h("span", {}, brief(frame))),
      error: (frame) => this.note.replaceChildren(problem({ doc: { title: "The agent said no", detail: frame.detail ?? frame.error, code: frame.code } })),
      refused: (doc) => this.note.replaceChildren(problem({ doc })),
    });
  }

  close() {
    clearInterval(this.poll);
    clearTimeout(this.timer);
    this.stop.abort();
    this.link?.close();
    this.chat?.close();
  }

  get path() {
    return pathOf(this.kind.kind, this.key);
  }

  build() {
    const { kind } = this;
    this.pill = h("span", { class: "pill" }, "…");
    this.link = null;
    this.seenVersion = -1;
    this.socket = h("span", { class: "pill calm", title: "it looks, and the agent knows nothing of it" }, "only looking");
    this.joiner = h("button", { id: "join", title: "open a WebSocket: on_connect runs, frames come", onclick: () => this.join() }, "Join");
    this.version = h("span", { class: "version" });
    this.wake = h("span", { class: "wake" });
    this.note = h("div", { class: "note" });
    this.stateBox = h("pre", { class: "json state" }, "…");
    this.scheduleBox = h("div");
    this.figureBox = h("div");
    this.letterBox = h("div");
    this.log = feed("No events yet: self.record(...) writes one.");
    this.frames = feed("Join, and broadcasts and sends appear here.");
    const actions = kind.actions.map((a) => actionCard(kind.kind, this.key, a, () => this.refresh(), this.app.origin));
    this.ticks = timeline(kind.kind, this.key);
    this.chat = kind.chat ? chatOf(kind.kind, this.key, () => this.soon()) : null;
    this.jobs = kind.jobs.length ? jobsOf(kind, this.key, () => this.soon()) : null;
    const letters = panel("Dead letters", "dead", this.letterBox);
    letters.hidden = true;
    this.element = h("article", { class: "agent" },
      h("header", { class: "agent-head" },
        h("div", {}, h("h1", {}, h("span", { class: "dim" }, kind.kind, " / "), this.key), kind.doc ? h("p", { class: "doc" }, prose(kind.doc)) : null),
        h("div", { class: "badges" }, this.pill, this.socket, this.joiner, this.version, this.wake,
          h("button", { id: "hibernate", title: "out of memory; state, timers and sockets stay", onclick: () => this.hibernate() }, "Hibernate"))),
      this.note,
      h("div", { class: "columns" },
        h("div", {},
          this.chat ? panel("Conversation", "chat", this.chat.element) : null,
          panel("State", "state", this.stateBox, this.editor()),
          panel("KV", "kv", values(kind.kind, this.key)),
          this.jobs ? panel("Jobs", "jobs", this.jobs.element) : null,
          panel("Actions", "actions", actions.length ? actions : h("p", { class: "none" }, "This agent has no actions."))),
        h("div", {}, panel("Next wake", "schedules", this.scheduleBox), panel("Ticks", "ticks", this.ticks.element), panel("Event log", "log", this.log.element),
          panel("Frames", "frames", this.frames.element, this.sender()), letters, panel("Figures", "figures", this.figureBox))));
  }

  /** Clients may write the state of some agents. */
  editor() {
    if (!this.kind.client_writes) return null;
    const area = h("textarea", { class: "editor", rows: 6, spellcheck: false, ariaLabel: "New state", name: "new-state" });
    const box = h("details", {
      class: "edit",
      ontoggle: () => { if (box.open) area.value = JSON.stringify(this.state ?? {}, null, 2); },
    }, h("summary", {}, "Edit the state, as any client may"), area, h("button", {
      onclick: () => {
        try {
          const state = JSON.parse(area.value);
          this.note.replaceChildren();
          if (!this.link) throw new Error("join first: a client writes over its WebSocket");
          if (this.link.setState(state)) this.showState(state); // the server tells all others
          box.open = false;
        } catch (error) {
          this.note.replaceChildren(problem({ doc: { title: "Not sent", detail: error.message } }));
        }
      },
    }, "Set state"));
    return box;
  }

  sender() {
    if (!this.kind.messages) return null;
    const input = h("input", { placeholder: "a message, as text", ariaLabel: "Message", autocomplete: "off" });
    return h("form", {
      class: "send",
      onsubmit: (event) => {
        event.preventDefault();
        if (!this.link) this.note.replaceChildren(problem({ doc: { title: "Not sent", detail: "join first" } }));
        else if (this.link.send(input.value)) this.frames.add(h("small", {}, "sent"), h("span", {}, input.value), "sent");
        input.value = "";
      },
    }, input, h("button", {}, "Send"));
  }

  showState(state) {
    this.stateBox.replaceChildren(json(state, this.state));
    this.state = state;
    this.soon();
  }

  socketState(what, detail) {
    this.socket.textContent = { open: "socket open", closed: "socket reconnecting", refused: "socket refused" }[what];
    this.socket.className = `pill ${{ open: "good", closed: "bad", refused: "bad" }[what]}`;
    this.socket.title = detail ?? "";
    if (what !== "open") this.heard("closed", this);
  }

  async hibernate() {
    try {
      await request("POST", `${this.path}/hibernate`);
      this.pill.classList.add("flash");
      setTimeout(() => this.pill.classList.remove("flash"), 900);
    } catch (error) {
      this.note.replaceChildren(problem(error));
    }
    this.refresh();
  }

  /** Soon, once: many frames may come at a time. */
  soon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), 60);
  }

  async refresh() {
    let status = null;
    try {
      status = await get(this.path, { signal: this.stop.signal });
    } catch (error) {
      if (!error.doc || error.doc.status !== 404) return; // the server is away: what is shown stays
    }
    this.status = status;
    const name = status?.status ?? "not made yet";
    this.pill.textContent = name;
    this.pill.className = `pill ${{ awake: "good", quarantined: "bad" }[name] ?? "calm"}${this.pill.classList.contains("flash") ? " flash" : ""}`;
    this.version.textContent = status ? `version ${status.version}` : "";
    const due = status?.next_wake;
    if (this.wake.dataset.due !== String(due)) {
      this.wake.dataset.due = String(due);
      this.wake.replaceChildren(...(due ? ["wakes in ", ticking({}, () => span(due - Date.now() / 1000))] : []));
    }
    if (!this.kind.stateful) this.stateBox.replaceChildren(h("span", { class: "none" }, "This agent keeps no state."));
    else if (!this.link?.open && status && status.version !== this.seenVersion) this.fetchState(status.version);
    this.jobs?.refresh();
    this.chat?.refresh(status?.version);
    this.ticks.refresh().catch(() => {});
    schedules(this.scheduleBox, status);
    figures(this.figureBox, status);
    if (status?.dead_letters) deadLetters(this.letterBox, this.kind.kind, this.key, (await get(`${this.path}/dead-letters`)).dead_letters, () => this.refresh());
    else deadLetters(this.letterBox, this.kind.kind, this.key, [], () => {});
  }

  /** Without a socket HTTP shows the state, after each commit. */
  async fetchState(version) {
    try {
      const { state } = await get(`${this.path}/state`, { signal: this.stop.signal });
      this.seenVersion = version;
      this.stateBox.replaceChildren(json(state, this.state));
      this.state = state;
    } catch (error) {
      if (!error.doc) return;
      this.stateBox.replaceChildren(h("span", { class: "none" }, "no state yet"));
    }
  }
}
