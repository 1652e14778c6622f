// Python in a JavaScript Worker: what Cloudflare's own runtime does for a Python Worker, done with Pyodide
// from npm because the bundle that workerd would fetch is not to be had offline. The Python side can't tell:
// it sees the same `workers` SDK, classes and handlers. Keep this file free of anything that is Roost's.
import "./prelude.mjs";
import pyodideWasm from "./pyodide.asm.wasm";
import stdlib from "./python_stdlib.zip";
import site from "./site.zip";
import settings from "./settings.json";
import natives from "./natives.mjs"; // [path in site-packages, WebAssembly.Module] of each native extension
import createPyodideModule from "./pyodide.asm.mjs";
import { loadPyodide } from "./pyodide.mjs";
import * as cloudflareWorkersModule from "cloudflare:workers";
import * as cloudflareSocketsModule from "cloudflare:sockets";
import { DurableObject } from "cloudflare:workers";

const PACKAGES = "/session/metadata"; // where Cloudflare puts the modules of a Python Worker

// Pyodide probes for a browser and fetches its parts: stand in for both while it loads, then put all back.
async function load() {
  const shims = {
    fetch: async (url) => {
      if (String(url).endsWith("python_stdlib.zip")) return { ok: true, arrayBuffer: async () => stdlib };
      if (String(url).endsWith(".wasm")) return { ok: true };
      throw new Error(`Pyodide fetched ${url}`);
    },
    location: "file:///pyodide/",
    document: { createElement() {} },
    sessionStorage: {},
    importScripts: 1,
  };
  shims.window = { sessionStorage: {}, document: shims.document };
  const before = Object.entries(shims).map(([name]) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]);
  Object.assign(globalThis, shims);
  const { instantiateStreaming } = WebAssembly;
  WebAssembly.instantiateStreaming = async (response, imports) => {
    await response;
    // Made at once: an asynchronous one would go on outside any request, where the platform forbids timers.
    return { instance: new WebAssembly.Instance(pyodideWasm, imports), module: pyodideWasm };
  };
  try {
    return await loadPyodide({
      indexURL: "file:///pyodide/",
      createPyodideModule,
      lockFileContents: JSON.stringify(settings.lock),
      env: { HOME: "/session", PYTHONHASHSEED: "0", ...settings.env },
    });
  } finally {
    WebAssembly.instantiateStreaming = instantiateStreaming;
    for (const [name, was] of before) {
      if (was) Object.defineProperty(globalThis, name, was);
      else delete globalThis[name];
    }
  }
}

async function boot() {
  const began = Date.now();
  const py = await load();
  const loaded = Date.now();
  py.FS.mkdirTree(PACKAGES);
  py.FS.writeFile("/site.zip", new Uint8Array(site));
  py.runPython(`
import sys, zipfile
sys.path.insert(0, "${PACKAGES}")
zipfile.ZipFile("/site.zip").extractall("${PACKAGES}")
`);
  py.FS.unlink("/site.zip");
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
