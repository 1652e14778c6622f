// Python in a JavaScript Worker: what Cloudflare's own runtime does for a Python Worker, done with Pyodide
// from npm because the bundle that workerd would fetch is not to be had offline. The Python side can't tell:
// it sees the same `workers` SDK, classes and handlers. Keep this file free of anything that is Roost's.
import { load } from "./load.mjs"; // first: it prepares what Pyodide sees
import snapshot from "./snapshot.bin"; // the interpreter's memory as snapshot.mjs left it
import mine from "./mine.zip"; // the entry and what else lies in files; the others are imported as they are
import ours from "./ours.zip";
import theirs from "./theirs.zip";
import settings from "./settings.json";
import natives from "./natives.mjs"; // [path in site-packages, WebAssembly.Module] of each native extension
import * as cloudflareWorkersModule from "cloudflare:workers";
import * as cloudflareSocketsModule from "cloudflare:sockets";
import { DurableObject } from "cloudflare:workers";

const PACKAGES = "/session/metadata"; // where Cloudflare puts the modules of a Python Worker

async function boot() {
  const began = Date.now();
  const py = await load({ _loadSnapshot: new Uint8Array(snapshot) });
  py.runPython("import random; random.seed()"); // or every process would draw what the snapshot draws
  const loaded = Date.now();
  py.FS.mkdirTree(PACKAGES);
  for (const [name, archive] of Object.entries({ mine, ours, theirs })) {
    py.FS.writeFile(`/session/${name}.zip`, new Uint8Array(archive), { canOwn: true });
  }
  py.runPython(`
import sys, zipfile
sys.path[:0] = ["${PACKAGES}", "/session/ours.zip", "/session/theirs.zip"]
zipfile.ZipFile("/session/mine.zip").extractall("${PACKAGES}")
`);
  py.FS.unlink("/session/mine.zip");
  const module = py._module;
  for (const [name, wasm] of natives) {
    const path = `${PACKAGES}/${name}`;
    const how = { loadAsync: true, nodelete: true, allowUndefined: true, fs: module.FS };
    module.FS.writeFile(path, new Uint8Array(0));
    module.preloadedWasm[path] = await module.loadWebAssemblyModule(wasm, how, path, {}, 0);
    await module.loadDynamicLibrary(path, { ...how, global: false }, {});
  }
  py.registerJsModule("_pyodide_entrypoint_helper", {
    cloudflareWorkersModule,
    cloudflareSocketsModule,
    doAnImport: (name) => import(name),
    patchWaitUntil() {},
    patch_env_helper() {},
  });
  py.registerJsModule(
    "_cloudflare_compat_flags",
    new Proxy({}, { get: (_, key) => (typeof key === "string" && key !== "toString" ? true : undefined), has: () => true }),
  );
  const unpacked = Date.now();
  const entry = py.pyimport(settings.entry);
  const calls = py.runPython(CALLS, { globals: py.toPy({}) });
  const classes = calls.classes(entry);
  console.log(`boot: pyodide ${loaded - began} ms, packages ${unpacked - loaded} ms, imports ${Date.now() - unpacked} ms`);
  return { classes, call: calls.call };
}

// How Cloudflare finds and calls what a Python Worker exports. Classes go by their own `__name__`, not by the name
// that the module gives them; arguments and answers of `fetch` and of RPC methods cross by the SDK's conversions,
// those of an object's other handlers as they are.
const CALLS = `
from inspect import isawaitable
from types import SimpleNamespace

from pyodide.code import relaxed_call
from workers import DurableObject, WorkerEntrypoint, python_from_rpc, python_to_rpc

async def call(relaxed, instance, name, *args):
    method = getattr(instance, name)
    given = [python_from_rpc(arg) for arg in args]
    answer = relaxed_call(method, *given) if relaxed else method(*given)
    return python_to_rpc(await answer if isawaitable(answer) else answer)

def classes(module):
    public = (getattr(module, name) for name in dir(module) if not name.startswith("_"))
    return {c.__name__: c for c in public if isinstance(c, type) and issubclass(c, (DurableObject, WorkerEntrypoint))}

SimpleNamespace(call=call, classes=classes)
`;

let booted;

// One class of the Python entry module, with its handlers and the RPC methods it names.
function durable(name) {
  const wrapped = class extends DurableObject {
    constructor(ctx, env) {
      super(ctx, env);
      ctx.blockConcurrencyWhile(async () => {
        const { classes, call } = await (booted ??= boot());
        this.call = call;
        this.object = classes.get(name)(ctx, env);
      });
    }
    async fetch(request) { return await this.call(true, this.object, "fetch", request); }
    async alarm(info) { return await this.object.alarm.callRelaxed(info); }
    async webSocketMessage(...args) { return await this.object.webSocketMessage.callRelaxed(...args); }
    async webSocketClose(...args) { return await this.object.webSocketClose.callRelaxed(...args); }
    async webSocketError(...args) { return await this.object.webSocketError.callRelaxed(...args); }
  };
  for (const method of settings.rpc) {
    wrapped.prototype[method] = async function (...args) { return await this.call(false, this.object, method, ...args); };
  }
  return wrapped;
}

export const RoostAgent = durable("RoostAgent");
export const RoostRegistry = durable("RoostRegistry");

// Boots in an object: its requests outlive any one client, and it may use timers while it loads.
export class Boot extends DurableObject {
  async boot() { await (booted ??= boot()); }
}

export default {
  async fetch(request, env, ctx) {
    if (!booted) await env.BOOT.get(env.BOOT.idFromName("boot")).boot();
    const { classes, call } = await booted;
    return await call(true, classes.get("Default")(ctx, env), "fetch", request);
  },
};
