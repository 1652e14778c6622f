// Takes an archive of Python source and gives it back with byte code beside each file, made by the interpreter
// that will run it.
import { load } from "./load.mjs";
import { DurableObject } from "cloudflare:workers";

const COMPILE = `
import io, zipfile
from importlib._bootstrap_external import _code_to_hash_pyc

def compiled(data):
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data.to_bytes())) as given, zipfile.ZipFile(out, "w") as made:
        for name in given.namelist():
            source = given.read(name)
            made.writestr(name, source)
            if name.endswith(".py"):
                code = compile(source, name, "exec", dont_inherit=True, optimize=0)
                made.writestr(name + "c", _code_to_hash_pyc(code, b"\\0" * 8, False))
    return out.getvalue()

compiled
`;

export class Boot extends DurableObject {
  async fetch(request) {
    const py = await load({});
    const made = py.runPython(COMPILE)(new Uint8Array(await request.arrayBuffer()));
    return new Response(made.toJs());
  }
}

export default {
  async fetch(request, env) {
    return await env.BOOT.get(env.BOOT.idFromName("boot")).fetch(request);
  },
};
