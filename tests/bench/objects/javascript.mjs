// What an author would write by hand on Cloudflare: a counter, a Durable Object in JavaScript.
import { DurableObject } from "cloudflare:workers";

export class Counter extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec("CREATE TABLE IF NOT EXISTS counter(one INTEGER PRIMARY KEY, count INTEGER)");
  }
  async fetch(request) {
    const body = await request.json();
    const rows = this.sql.exec(
      "INSERT INTO counter VALUES(1, ?) ON CONFLICT(one) DO UPDATE SET count = count + excluded.count RETURNING count",
      body.args[0],
    ).toArray();
    return Response.json({ result: rows[0].count });
  }
}

export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    if (path === "/healthz") return new Response("ok");
    return env.COUNTER.getByName(path.split("/")[4]).fetch(request);
  },
};
