// Answers with the memory of an interpreter that has started and imported what the request's body says. Made once
// for a version of Pyodide; main.mjs begins where it ends. Nothing in it may be random or know a time that main.mjs
// does not draw anew: each process that starts from it would repeat it.
import { load } from "./load.mjs";
import { DurableObject } from "cloudflare:workers";

export class Boot extends DurableObject {
  async fetch(request) {
    const py = await load({ _makeSnapshot: true });
    py.runPython(await request.text());
    return new Response(py.makeMemorySnapshot());
  }
}

export default {
  async fetch(request, env) {
    return await env.BOOT.get(env.BOOT.idFromName("boot")).fetch(request);
  },
};
