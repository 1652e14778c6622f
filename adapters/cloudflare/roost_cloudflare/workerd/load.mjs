// Loads Pyodide from npm inside workerd, for main.mjs and for snapshot.mjs.
import "./prelude.mjs";
import pyodideWasm from "./pyodide.asm.wasm";
import stdlib from "./python_stdlib.zip";
import settings from "./settings.json";
import createPyodideModule from "./pyodide.asm.mjs";
import { loadPyodide } from "./pyodide.mjs";

// Pyodide probes for a browser and fetches its parts: stand in for both while it loads, then put all back.
export async function load(how) {
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
      ...how,
    });
  } finally {
    WebAssembly.instantiateStreaming = instantiateStreaming;
    for (const [name, was] of before) {
      if (was) Object.defineProperty(globalThis, name, was);
      else delete globalThis[name];
    }
  }
}
