// A call as others would make it: for a shell, for Python, for JavaScript.

import { h } from "./dom.js";
import { pathOf, segment } from "./http.js";

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;
const python = (value) => JSON.stringify(value, null, 0).replace(/("(?:[^"\\]|\\.)*")|\btrue\b|\bfalse\b|\bnull\b/g,
  (word, text) => text ?? { true: "True", false: "False", null: "None" }[word]);

/** The three, for a body {args} or {kwargs}. */
export function lines(origin, kind, key, action, body) {
  const args = body.args ?? [], kwargs = body.kwargs ?? {};
  const url = `${origin}${pathOf(kind, key)}/call/${segment(action.name)}`;
  const given = [action.name, ...args].map(python).concat(Object.entries(kwargs).map(([k, v]) => `${k}=${python(v)}`)).join(", ");
  const host = new URL(origin).host, values = [...args, ...Object.values(kwargs)];
  return {
    curl: `curl -X POST ${quoted(url)} -H 'content-type: application/json' -d ${quoted(JSON.stringify(body))}`,
    Python: action.streams
      ? `from roost_client import SyncClient\n\nwith SyncClient(${python(origin)}) as client:\n    for chunk in client.handle(${python(kind)}, ${python(key)}).stream(${given}):\n        print(chunk)`
      : `from roost_client import SyncClient\n\nwith SyncClient(${python(origin)}) as client:\n    print(client.handle(${python(kind)}, ${python(key)}).call(${given}))`,
    JavaScript: `import { AgentClient } from "agents/client";\n\nconst agent = new AgentClient(${JSON.stringify({ agent: kind, name: key, host })});\nconsole.log(await agent.call(${JSON.stringify(action.name)}, ${JSON.stringify(values)}));`,
  };
}

/** Buttons that show a call, and put it into the clipboard. `read`: the body, or throws what is wrong with it. */
export function copier(origin, kind, key, action, read, wrong) {
  const out = h("pre", { class: "frame", hidden: true, tabIndex: 0 }), said = h("small", { role: "status" });
  const show = (name) => {
    try {
      out.textContent = lines(origin, kind, key, action, read())[name];
      out.hidden = false;
      said.textContent = "";
      navigator.clipboard?.writeText(out.textContent).then(() => { said.textContent = "copied"; }, () => {});
    } catch (error) {
      wrong(error);
    }
  };
  const buttons = ["curl", "Python", "JavaScript"].map((name) => h("button", { type: "button", class: "small", onclick: () => show(name) }, name));
  return h("details", { class: "edit copy" }, h("summary", {}, "Copy as"), h("div", { class: "row" }, buttons, said), out);
}
