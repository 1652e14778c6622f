// Two tabs of a real browser on a React page built with useAgent: what one does, the other shows.
// Env as in drive.mjs, and CHROMIUM. One JSON line a check; exit code 1 if one failed.
import { build } from "esbuild";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import puppeteer from "puppeteer-core";

const version = process.env.AGENTS_VERSION ?? "0.32";
const upstream = new URL(process.env.ROOST_URL);
const { outputFiles } = await build({
  absWorkingDir: fileURLToPath(new URL("..", import.meta.url)), // an alias resolves from here, not from the importer
  entryPoints: ["./react/page.jsx"],
  alias: { agents: `agents-${version}` },
  bundle: true,
  write: false,
  format: "esm",
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "error",
});
const html = '<!doctype html><meta charset="utf-8"><div id="root"></div><script type="module" src="/page.js"></script>';

// The page and the agents have one origin, as behind any reverse proxy: the server's Origin check stays on.
const site = createServer((req, res) => {
  const script = req.url === "/page.js";
  res.writeHead(200, { "content-type": script ? "text/javascript" : "text/html" });
  res.end(script ? outputFiles[0].contents : html);
});
site.on("upgrade", (req, near) => {
  const { hostname, port } = upstream;
  const ahead = request({ hostname, port, path: req.url, headers: req.headers });
  ahead.on("upgrade", (res, far, first) => {
    const lines = Object.entries(res.headers).map(([k, v]) => `${k}: ${v}`);
    near.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
    near.write(first); // frames that came in one packet with the answer
    far.pipe(near).pipe(far);
    for (const [a, b] of [[near, far], [far, near]]) a.on("error", () => b.destroy()).on("close", () => b.destroy());
  });
  ahead.on("response", (res) => near.end(`HTTP/1.1 ${res.statusCode} Refused\r\n\r\n`));
  ahead.on("error", () => near.destroy()).end();
});
await new Promise((resolve) => site.listen(0, "127.0.0.1", resolve));

const profile = await mkdtemp(join(tmpdir(), "roost-browser-"));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  userDataDir: profile,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
const url = `http://127.0.0.1:${site.address().port}/?name=${randomUUID()}`;
const errors = [];

async function tab() {
  const page = await browser.newPage();
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(url);
  return page;
}
// Polls by timer: a tab in the background draws no frames.
const shows = (page, id, text) =>
  page.waitForFunction((i, t) => document.getElementById(i)?.textContent === t, { polling: 50, timeout: 10000 }, id, text);

let failed = 0;
async function check(name, body) {
  let detail = "";
  try {
    await body();
    if (errors.length) throw new Error(errors.splice(0).join("; "));
  } catch (error) {
    failed += 1;
    detail = error.message;
  }
  console.log(JSON.stringify({ check: name, ok: !detail, detail }));
}

try {
  const [one, two] = [await tab(), await tab()];
  await check("both tabs show the first state", async () => {
    for (const page of [one, two]) await Promise.all([shows(page, "count", "0"), shows(page, "board", "board: ")]);
  });
  await check("an increment in one tab shows in both", async () => {
    await one.bringToFront();
    await one.click("#increment");
    await Promise.all([shows(one, "count", "1"), shows(two, "count", "1")]);
  });
  await check("typing in the other tab shows in both", async () => {
    await two.bringToFront();
    await two.type("#text", "hi");
    await Promise.all([shows(one, "board", "board: hi"), shows(two, "board", "board: hi")]);
  });
  await check("a reloaded tab shows the same", async () => {
    await one.reload();
    await Promise.all([shows(one, "count", "1"), shows(one, "board", "board: hi")]);
  });
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
