// Counts what crosses from Python to JavaScript, exactly: each call of a function that Python's WebAssembly imports
// to reach JavaScript's objects (an attribute, a call, a string or list converted). Appended to the host's prelude.
const counted = { crossings: 0, names: {} };
globalThis.crossings = () => JSON.stringify(counted);
const { Instance } = WebAssembly;
const OUT = /^(_?[jJ]s|_?python2js|hiwire|pyproxy|_pyproxy|create_|destroy_|handle_next|get_length|proxy_cache|new_error)/;

function counting(name, call) {
  const wrapped = (...args) => {
    counted.crossings++;
    const what = typeof args[0] === "function" ? `${name} ${args[0].name}` : name;
    counted.names[what] = (counted.names[what] ?? 0) + 1;
    return call(...args);
  };
  return Object.assign(wrapped, call); // the linker's notes on it
}

WebAssembly.Instance = function (module, imports) {
  for (const [name, call] of Object.entries(imports?.env ?? {})) {
    if (typeof call === "function" && OUT.test(name)) imports.env[name] = counting(name, call);
  }
  return new Instance(module, imports);
};
