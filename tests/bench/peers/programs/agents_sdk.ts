// The counter on Cloudflare's Agents SDK.
import { Agent, callable, getAgentByName, routeAgentRequest } from "agents";

const late: number[] = []; // ms after its due time at which each schedule ran; all objects share this isolate
let made = 0; // objects constructed

export class Counter extends Agent<any, { count: number }> {
  initialState = { count: 0 };
  constructor(ctx: any, env: any) {
    super(ctx, env);
    made++;
  }
  @callable() increment(by = 1) {
    const count = this.state.count + by;
    this.setState({ count });
    return count;
  }
  @callable() say(text: string) {
    this.broadcast(JSON.stringify({ said: text }));
  }
  async onRequest(request: Request) {
    const what = new URL(request.url).pathname.split("/")[4];
    if (what === "increment") return Response.json(this.increment((await request.json()) as number));
    if (what === "ask") {
      const other: any = await getAgentByName((this.env as any).Counter, `of-${this.name}`);
      return Response.json(await other.increment(1));
    }
    const at = (await request.json()) as number;
    for (let i = 0; i < 10; i++) await this.schedule(new Date(at), "ring", at + i / 1024); // ten, each its own
    return Response.json(null);
  }
  async ring(at: number) {
    late.push(Date.now() - Math.floor(at));
    this.increment(1);
  }
}

export default {
  async fetch(request: Request, env: any) {
    const { pathname } = new URL(request.url);
    if (pathname === "/late") return Response.json(late);
    if (pathname === "/made") return Response.json(made);
    return (await routeAgentRequest(request, env)) ?? new Response("no such agent", { status: 404 });
  },
};
