// Drives the unmodified AgentClient and agentFetch against the server at ROOST_URL, one JSON line a check.
// AGENTS_VERSION picks the client (0.32 or 0.21); BASE_PATH, where set, is the one URL of a deployment that
// routes by the query's `agent` and `name` instead of by path (an API Gateway stage is one); with ONE_URL every client
// connects there. LIMIT: ms for one step.
import { randomUUID } from "node:crypto";
import { connect, createServer } from "node:net";

const version = process.env.AGENTS_VERSION ?? "0.32";
const { AgentClient, agentFetch } = await import(`agents-${version}/client`);
const server = new URL(process.env.ROOST_URL);
const run = randomUUID().slice(0, 8); // fresh agents each run: the server may be a lasting deployment
const LIMIT = Number(process.env.LIMIT ?? 8000);
const WS = server.protocol === "https:" ? "wss" : "ws";
const clients = [];
let failed = 0;

function within(promise, what, ms = LIMIT) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing for ${ms} ms`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

// What the callbacks of one client said, in order, and a way to wait for the next matching one.
class Seen {
  list = [];
  waiting = [];
  add(item) {
    this.list.push(item);
    this.waiting = this.waiting.filter(({ match, resolve }) => !match(item) || resolve(item));
  }
  next(match, what) {
    const old = this.list.find(match);
    if (old) return Promise.resolve(old);
    return within(new Promise((resolve) => this.waiting.push({ match, resolve })), what);
  }
}

function open(agent, name, options = {}) {
  const seen = new Seen();
  const one = process.env.ONE_URL ? { basePath: process.env.BASE_PATH, query: { agent, name } } : {};
  const client = new AgentClient({
    agent,
    name,
    host: server.host,
    protocol: WS,
    minReconnectionDelay: 50,
    maxReconnectionDelay: 500,
    onIdentity: (n, a) => seen.add({ identity: n, agent: a }),
    onStateUpdate: (state, source) => seen.add({ state, source }),
    onStateUpdateError: (error) => seen.add({ refused: error }),
    ...one,
    ...options,
  });
  clients.push(client);
  return { client, seen };
}

function same(got, want, what) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(want)];
  if (a !== b) throw new Error(`${what}: got ${a}, want ${b}`);
  return `${what} ${a}`;
}

async function refusal(promise) {
  const value = await within(promise.catch((error) => error), "an error");
  if (!(value instanceof Error)) throw new Error(`an error was due, got ${JSON.stringify(value)}`);
  return value.message;
}

function contains(text, part) {
  if (!String(text).includes(part)) throw new Error(`${JSON.stringify(text)} does not contain ${JSON.stringify(part)}`);
  return text;
}

const fromServer = (want) => (item) => item.source === "server" && JSON.stringify(item.state) === JSON.stringify(want);

// A TCP relay on loopback whose connections can be cut: a drop as the network makes it, without a close frame.
async function relay() {
  const sockets = new Set();
  const port = server.port || (WS === "wss" ? 443 : 80);
  const listener = createServer((near) => {
    const far = connect(Number(port), server.hostname);
    for (const [a, b] of [[near, far], [far, near]]) {
      sockets.add(a);
      a.on("error", () => b.destroy()).on("close", () => sockets.delete(a) && b.destroy());
      a.pipe(b);
    }
  });
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
  return {
    host: `127.0.0.1:${listener.address().port}`,
    cut: () => sockets.forEach((s) => s.destroy()),
    close: () => listener.close(),
  };
}

const checks = {
  async "ready and identity"() {
    const { client, seen } = open("counter", `${run}-id`);
    await within(client.ready, "ready");
    same([client.identified, client.agent, client.name], [true, "counter", `${run}-id`], "client says");
    return same(seen.list.find((i) => i.identity), { identity: `${run}-id`, agent: "counter" }, "onIdentity");
  },
  async "initial state arrives"() {
    const { client, seen } = open("counter", `${run}-first`);
    await seen.next(fromServer({ count: 0 }), "the first state");
    return same(client.state, { count: 0 }, "client.state");
  },
  async "call changes state and pushes it"() {
    const [a, b] = [open("counter", `${run}-call`), open("counter", `${run}-call`)];
    await within(Promise.all([a.client.ready, b.client.ready]), "ready");
    same(await a.client.call("increment", [2]), 2, "result");
    await a.seen.next(fromServer({ count: 2 }), "the caller's state");
    await b.seen.next(fromServer({ count: 2 }), "the other client's state");
    same(await b.client.call("increment"), 3, "result without arguments");
  },
  async "call sent before the socket is open"() {
    return same(await within(open("counter", `${run}-early`).client.call("increment", [1]), "the answer"), 1, "result");
  },
  async "stub proxy"() {
    const { client } = open("counter", `${run}-stub`);
    return same(await within(client.stub.increment(5), "the answer"), 5, "result");
  },
  async "unknown method"() {
    const { client } = open("counter", `${run}-unknown`);
    return contains(await refusal(client.call("x", [])), "Method x does not exist");
  },
  async "wrong arguments"() {
    const { client } = open("counter", `${run}-args`);
    return refusal(client.call("increment", ["many"]));
  },
  async "a call that raises leaves nothing"() {
    const { client } = open("counter", `${run}-fail`);
    contains(await refusal(client.call("fail", ["no seat left"])), "no seat left");
    return same(await client.call("increment", [1]), 1, "count afterwards");
  },
  async "many calls in flight"() {
    const { client, seen } = open("counter", `${run}-many`);
    const got = await within(Promise.all(Array.from({ length: 50 }, () => client.call("increment", [1]))), "50 answers");
    same([...got].sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => i + 1), "results");
    await seen.next(fromServer({ count: 50 }), "the last state");
  },
  async "streaming call"() {
    const { client } = open("counter", `${run}-stream`);
    const got = [];
    const done = new Promise((resolve, reject) => {
      const stream = { onChunk: (c) => got.push(c), onDone: () => resolve(), onError: (e) => reject(new Error(e)) };
      client.call("stream", [5], { stream }).catch(reject);
    });
    await within(done, "onDone");
    return same(got, [0, 1, 2, 3, 4], "chunks before onDone");
  },
  async "setState reaches the others and is not echoed"() {
    const [a, b] = [open("board", `${run}-set`), open("board", `${run}-set`)];
    await within(Promise.all([a.client.ready, b.client.ready]), "ready");
    await a.seen.next(fromServer({ text: "" }), "the first state");
    a.client.setState({ text: "from a" });
    await b.seen.next(fromServer({ text: "from a" }), "the other client's state");
    b.client.setState({ text: "from b" });
    await a.seen.next(fromServer({ text: "from b" }), "the way back"); // so an echo would have come before
    if (a.seen.list.some(fromServer({ text: "from a" }))) throw new Error("the sender got its own state back");
  },
  async "setState on a read-only agent is refused"() {
    const { client, seen } = open("counter", `${run}-readonly`);
    await within(client.ready, "ready");
    client.setState({ count: 99 });
    const { refused } = await seen.next((i) => i.refused, "onStateUpdateError");
    same(await client.call("increment", [1]), 1, "count afterwards");
    return contains(refused, "Connection is readonly");
  },
  async "setState that does not validate is refused"() {
    const { client, seen } = open("board", `${run}-invalid`);
    await within(client.ready, "ready");
    client.setState({ text: { not: "text" } });
    return contains((await seen.next((i) => i.refused, "onStateUpdateError")).refused, "State update rejected");
  },
  async "reconnects after its socket was closed"() {
    const { client, seen } = open("counter", `${run}-reopen`);
    await within(client.call("increment", [1]), "the answer");
    const before = seen.list.filter((i) => i.identity).length;
    client.reconnect(1000, "test");
    same(await within(client.call("increment", [1]), "the answer"), 2, "result");
    await within(client.ready, "ready");
    return same(seen.list.filter((i) => i.identity).length, before + 1, "identities");
  },
  async "reconnects after a cut connection and sees what it missed"() {
    const wire = await relay();
    const a = open("counter", `${run}-cut`, { host: wire.host, protocol: "ws" });
    const b = open("counter", `${run}-cut`);
    await within(a.client.call("increment", [1]), "the answer");
    const closed = new Promise((resolve) => a.client.addEventListener("close", resolve, { once: true }));
    wire.cut();
    await within(closed, "close");
    same(await within(b.client.call("increment", [1]), "the answer"), 2, "result of the other client");
    await a.seen.next(fromServer({ count: 2 }), "the state after the reconnect");
    same(await within(a.client.call("increment", [1]), "the answer"), 3, "result after the reconnect");
    a.client.close();
    wire.close();
  },
  async "agentFetch reaches on_request"() {
    const at = { agent: "counter", name: `${run}-http`, host: server.host, protocol: server.protocol.slice(0, -1) };
    const response = await within(agentFetch(at, { method: "GET" }), "the response");
    return same([response.status, await response.text()], [200, `hello ${run}-http`], "answer");
  },
  async "names with spaces and other letters"() {
    const name = `${run} salle à manger`;
    const { client, seen } = open("counter", name);
    await within(client.ready, "ready");
    same(seen.list.find((i) => i.identity)?.identity, name, "identity");
    same(await client.call("increment", [1]), 1, "result");
    const at = { agent: "counter", name, host: server.host, protocol: server.protocol.slice(0, -1) };
    return same(await (await agentFetch(at)).text(), `hello ${name}`, "answer");
  },
};

// A ticket opens one socket: `query` is asked for a new one at each, a reconnect too.
checks["a ticket opens each socket"] = async () => {
  const name = `${run}-ticket`;
  const tickets = [];
  const query = async () => {
    const answer = await fetch(new URL("/v1/tickets", server), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ kind: "counter", key: name }),
    });
    const { ticket } = await answer.json();
    tickets.push(ticket);
    return process.env.ONE_URL ? { agent: "counter", name, ticket } : { ticket };
  };
  const { client, seen } = open("counter", name, { query });
  same(await within(client.call("increment", [1]), "the answer"), 1, "result");
  client.reconnect();
  await within(new Promise((done) => client.addEventListener("open", done, { once: true })), "the second socket");
  same(await within(client.call("increment", [1]), "the answer"), 2, "result");
  same([tickets.length >= 2, new Set(tickets).size === tickets.length], [true, true], "a new one each");
  const used = open("counter", name, {
    query: process.env.ONE_URL ? { agent: "counter", name, ticket: tickets[0] } : { ticket: tickets[0] },
  });
  const closed = await within(new Promise((done) => used.client.addEventListener("close", done, { once: true })), "the end");
  if (!process.env.ONE_URL) same(closed.code, 4401, "a used one");
  return same(used.seen.list.some((i) => i.identity), false, "a used one is greeted");
};

if (process.env.BASE_PATH !== undefined) {
  checks["basePath with agent and name in the query"] = async () => {
    const query = { agent: "counter", name: `${run}-based` };
    const [a, b] = [open("counter", undefined, { basePath: process.env.BASE_PATH, query }), open("counter", `${run}-based`)];
    await within(Promise.all([a.client.ready, b.client.ready]), "ready");
    same(await within(a.client.call("increment", [4]), "the answer"), 4, "result");
    await b.seen.next(fromServer({ count: 4 }), "the state by path");
    return same(a.seen.list.find((i) => i.identity), { identity: `${run}-based`, agent: "counter" }, "onIdentity");
  };
}

for (const [check, body] of Object.entries(checks)) {
  let line;
  try {
    line = { check, ok: true, detail: (await within(body(), check, 3 * LIMIT)) ?? "" };
  } catch (error) {
    failed += 1;
    line = { check, ok: false, detail: error.message };
  }
  console.log(JSON.stringify(line));
  for (const client of clients.splice(0)) client.close();
}
process.exit(failed ? 1 : 0);
