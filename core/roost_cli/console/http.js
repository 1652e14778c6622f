// The HTTP surface: calls, the event stream, problem documents. The token is the operator's, of this project.

let token = "", caller = "";
export const setToken = (value) => { token = value; };
/** Calls and tells are sent as this caller, whose bearer token it is; "": as the operator. */
export const actAs = (value) => { caller = value; };
export const acting = () => caller;
const asked = () => (caller ? { authorization: `Bearer ${caller}` } : {});

export class Problem extends Error {
  constructor(doc) {
    super(doc.detail ?? doc.title);
    this.doc = doc;
  }
}

export const pathOf = (kind, key) => `/v1/agents/${segment(kind)}/${segment(key)}`;
// `.` and `..` would be swallowed by URL parsing.
export const segment = (text) => (text === "." || text === ".." ? text.replaceAll(".", "%2E") : encodeURIComponent(text));

export async function request(method, path, { body, raw, headers, signal } = {}) {
  const given = { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers };
  if (body !== undefined) given["content-type"] = "application/json";
  const answer = await fetch(path, {
    method, headers: given, signal, cache: "no-store",
    body: body === undefined ? raw : JSON.stringify(body),
  });
  if (!answer.ok) throw new Problem(await problemOf(answer));
  return answer;
}

async function problemOf(answer) {
  const fallback = { title: answer.statusText || "Error", status: answer.status, detail: `HTTP ${answer.status}` };
  try {
    return { ...fallback, ...(await answer.json()) };
  } catch {
    return fallback;
  }
}

export const get = async (path, more) => (await request("GET", path, more)).json();
export const post = async (path, body, more) => (await request("POST", path, { ...more, body })).json();

/** Server-sent events of one response: {event, id, data, retry}. */
export async function* events(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "", one = { event: "message", data: [] };
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split(/\r\n|\n|\r/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (one.data.length || one.retry) yield { ...one, data: one.data.join("\n") };
          one = { event: "message", data: [] };
          continue;
        }
        const at = line.indexOf(":");
        const name = at < 0 ? line : line.slice(0, at);
        const text = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
        if (name === "data") one.data.push(text);
        else if (name === "event" || name === "id") one[name] = text;
        else if (name === "retry") one.retry = Number(text);
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Call an action; `chunk` gets each piece of a stream. Returns {result, chunks}. */
export async function call(kind, key, action, body, chunk) {
  const path = `${pathOf(kind, key)}/call/${segment(action.name)}`;
  const answer = await request("POST", path, { body, headers: { ...asked(), ...(action.streams ? { accept: "text/event-stream" } : {}) } });
  if (!answer.headers.get("content-type")?.startsWith("text/event-stream")) return answer.json();
  for await (const { event, data } of events(answer)) {
    if (event === "chunk") chunk(JSON.parse(data));
    else if (event === "stream-reset") chunk(undefined);
    else if (event === "result") return JSON.parse(data);
    else if (event === "error") throw new Problem(JSON.parse(data));
  }
  throw new Error("the stream broke off before its result");
}

export const tell = (kind, key, action, body) => post(`${pathOf(kind, key)}/tell/${segment(action.name)}`, body, { headers: asked() });

/** Follow an agent's event log until `signal` aborts; it reconnects by itself and misses nothing. */
export async function follow(kind, key, signal, seen) {
  let last = "", retry = 1000;
  while (!signal.aborted) {
    try {
      const headers = { accept: "text/event-stream", ...(last ? { "last-event-id": last } : {}) };
      const answer = await request("GET", `${pathOf(kind, key)}/events`, { headers, signal });
      for await (const one of events(answer)) {
        if (one.retry) retry = one.retry;
        if (one.id) last = one.id;
        if (one.data) seen(one.event, JSON.parse(one.data));
      }
    } catch (error) {
      if (signal.aborted) return;
      retry = 300; // the agent is not made yet, or the server is away
    }
    await new Promise((resolve) => setTimeout(resolve, Math.max(100, Math.min(retry, 2000))));
  }
}
