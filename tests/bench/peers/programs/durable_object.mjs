// The counter as a hand-written Durable Object in JavaScript: one row of SQL a call, hibernating WebSockets, an alarm.
import { DurableObject } from "cloudflare:workers";

const late = []; // ms after its due time at which each alarm began; all objects share this isolate
let made = 0; // objects constructed

export class Counter extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    made++;
    ctx.storage.sql.exec("CREATE TABLE IF NOT EXISTS counter (id INTEGER PRIMARY KEY, n INTEGER)");
  }
  increment(by) {
    const sql = "INSERT INTO counter VALUES (0, ?1) ON CONFLICT (id) DO UPDATE SET n = n + ?1 RETURNING n";
    return this.ctx.storage.sql.exec(sql, by).one().n;
  }
  async fetch(request) {
    const [, what, name] = new URL(request.url).pathname.split("/");
    if (what === "increment") return Response.json(this.increment((await request.json())));
    if (what === "ask") return Response.json(await this.env.Counter.getByName(`of-${name}`).increment(1));
    if (what === "arm") {
      const at = await request.json();
      this.ctx.storage.kv.put("at", at);
      await this.ctx.storage.setAlarm(at);
      return Response.json(null);
    }
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    return new Response(null, { status: 101, webSocket: client });
  }
  webSocketMessage(socket, message) {
    for (const one of this.ctx.getWebSockets()) one.send(message);
  }
  alarm() {
    late.push(Date.now() - this.ctx.storage.kv.get("at"));
    this.increment(1);
  }
}

export default {
  async fetch(request, env) {
    const [, what, name] = new URL(request.url).pathname.split("/");
    if (what === "late") return Response.json(late);
    if (what === "made") return Response.json(made);
    return env.Counter.getByName(name).fetch(request);
  },
};
