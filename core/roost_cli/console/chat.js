// A conversation with a chat agent: what was said, what is being said, its tools, what it asks.

import { h, json, problem } from "./dom.js";
import { call, events, pathOf, request, segment } from "./http.js";

const act = (name) => ({ name, streams: false });

/** {element, refresh, close}. Looking changes nothing: it reads the history, and the stream of the turn that runs. */
export function chatOf(kind, key, changed) {
  const talk = h("ol", { class: "talk", ariaLive: "polite" }), asks = h("div", { class: "questions" }), out = h("div");
  const none = h("p", { class: "none" }, "Nothing was said yet.");
  const input = h("input", { placeholder: "say something", ariaLabel: "Say something", autocomplete: "off" });
  const stop = h("button", { type: "button", class: "danger", hidden: true, onclick: () => run("cancel") }, "Stop");
  let known = -1, shown = "", followed = "", stopper = new AbortController(), live = null;

  async function run(name, ...args) {
    try {
      out.replaceChildren();
      return (await call(kind, key, act(name), { args }, () => {})).result;
    } catch (error) {
      out.replaceChildren(problem(error));
      return undefined;
    } finally {
      changed();
    }
  }

  /** Asked after a commit only: a readonly call would keep the agent awake. */
  async function refresh(version) {
    if (version === undefined || version === known) return;
    let messages, session;
    try {
      [messages, session] = await Promise.all(["messages", "session"].map(async (name) => (await call(kind, key, act(name), { args: [] }, () => {})).result));
    } catch {
      return; // the server is away, or asks for somebody else
    }
    known = version;
    const text = JSON.stringify([messages, session.asks]);
    if (text !== shown) {
      shown = text;
      const near = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 60;
      talk.replaceChildren(...messages.flatMap((m) => [...lines(m)]));
      asks.replaceChildren(...session.asks.filter((ask) => ask.answered == null).map(question));
      if (live) talk.append(live.element);
      if (near) talk.scrollTop = talk.scrollHeight;
    }
    none.hidden = messages.length > 0 || live !== null;
    stop.hidden = !session.turn;
    const id = session.turn?.id ?? "";
    if (id && id !== followed) follow(id);
    if (!id && live) { live.element.remove(); live = null; }
  }

  function question(ask) {
    const said = (yes) => (ask.kind === "approval" ? { approved: yes, digest: ask.digest } : { happened: yes });
    const button = (yes, name) => h("button", { type: "button", class: yes ? "primary" : "", onclick: () => run("answer", ask.id, said(yes)) }, name);
    const [yes, no] = ask.kind === "approval" ? ["Approve", "Deny"] : ["It happened", "It did not"];
    return h("div", { class: "question", role: "group", ariaLabel: ask.text }, h("p", {}, ask.text, ask.who ? h("small", {}, ` for ${ask.who}`) : null),
      h("div", { class: "row" }, button(true, yes), button(false, no)));
  }

  /** The words of a turn as they come; the history takes their place. */
  async function follow(id) {
    stopper.abort();
    stopper = new AbortController();
    followed = id;
    const element = h("li", { class: "assistant live" });
    live = { element };
    talk.append(element);
    try {
      const path = `${pathOf(kind, key)}/streams/${segment(id)}/events`;
      const answer = await request("GET", path, { headers: { accept: "text/event-stream" }, signal: stopper.signal });
      for await (const { event, data } of events(answer)) {
        if (event === "reset") element.replaceChildren();
        if (event === "end") break;
        const item = event === "item" ? JSON.parse(data).item : {};
        if (item.type === "text-delta") element.append(item.text);
        if (item.type === "tool-call") element.replaceChildren();
        if (["tool-call", "tool-result", "tool-error", "question", "answer", "turn-end"].includes(item.type)) changed();
        talk.scrollTop = talk.scrollHeight;
      }
    } catch {
      // it is asked for again with the next turn; the history has it all
    }
    element.remove();
    if (live?.element === element) live = null;
    changed();
  }

  const form = h("form", {
    class: "send",
    onsubmit: async (event) => {
      event.preventDefault();
      const text = input.value.trim();
      if (text && (await run("send", text)) !== undefined) input.value = "";
    },
  }, input, h("button", { class: "primary" }, "Send"), stop);
  return { element: h("div", { class: "chat" }, none, talk, asks, out, form), refresh, close: () => stopper.abort() };
}

function* lines(message) {
  for (const part of message.parts) {
    if (part.type === "text") yield h("li", { class: message.role }, part.text, message.cut ? h("small", {}, ` (${message.cut})`) : null);
    else if (part.type === "tool-call") yield h("li", { class: "tool" }, h("b", {}, part.tool), " ", json(part.arguments, undefined, false, true));
    else if (part.type === "tool-result") yield h("li", { class: `tool${part.error ? " bad" : ""}` }, "→ ", part.error ? part.error : json(part.value, undefined, false, true));
  }
}
