// A JavaScript Worker before a Python object: what the Python Worker before it costs is the difference.
export { Boot, RoostAgent, RoostRegistry } from "./main.mjs";

export default {
  async fetch(request, env) {
    const path = new URL(request.url).pathname;
    if (path === "/healthz") {
      await env.BOOT.get(env.BOOT.idFromName("boot")).boot();
      return new Response("ok");
    }
    return env.ROOST_AGENT.getByName(path.split("/")[4]).fetch(request);
  },
};
