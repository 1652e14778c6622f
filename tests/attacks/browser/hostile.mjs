// A hostile page in a real browser. Env: PLAN, JSON of {steps: [{at, do, ...}]}, CHROMIUM, MODULES (where puppeteer-core is).
// Prints one JSON object: a list of what each step found. Names under evil.test are this machine, as after DNS rebinding.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assault, steal } from "./page.mjs";

const puppeteer = createRequire(join(process.env.MODULES, "x.js"))("puppeteer-core");
const { steps } = JSON.parse(process.env.PLAN);
const asked = []; // what reached the hostile server: referrers, cookies
const server = createServer((request, answer) => {
  asked.push({ url: request.url, ...request.headers });
  const script = request.url.endsWith(".js");
  answer.writeHead(200, { "content-type": script ? "text/javascript" : "text/html", "access-control-allow-origin": "*" });
  answer.end(script ? "self.onfetch = () => {};" : "<!doctype html><title>evil</title><body>");
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const own = server.address().port;
const profile = await mkdtemp(join(tmpdir(), "roost-hostile-"));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM, userDataDir: profile, headless: true,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-popup-blocking",
    "--host-resolver-rules=MAP evil.test 127.0.0.1,MAP *.evil.test 127.0.0.1",
  ],
});
const found = [];
try {
  for (const step of steps) {
    const page = await browser.newPage();
    const at = step.at.replace("{own}", own);
    const answer = await page.goto(at, { waitUntil: "domcontentloaded", timeout: 15000 });
    const said = { step: step.do, at, status: answer.status() };
    if (step.do === "assault") {
      const frame = step.opaque ? await opaque(page) : page.mainFrame();
      said.origin = await frame.evaluate(() => self.origin);
      said.got = await frame.evaluate(assault, step.target, step.socket, step.agent, step.other);
    } else if (step.do === "steal") {
      said.got = await page.evaluate(steal, step.console);
    } else if (step.do === "open") { // what the author does
      await page.waitForFunction(() => sessionStorage.getItem("roost-token"), { polling: 50, timeout: 15000 });
      said.got = { hash: new URL(page.url()).hash };
      found.push(said);
      continue; // and leaves it open
    }
    found.push(said);
    await page.close();
  }
} finally {
  await browser.close();
  server.close();
  await rm(profile, { recursive: true, force: true });
}
console.log(JSON.stringify({ found, asked }));

/** A sandboxed frame: its origin is null. */
async function opaque(page) {
  await page.evaluate(() => {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts allow-forms allow-popups";
    frame.srcdoc = "<!doctype html><title>null</title><body>";
    document.body.append(frame);
  });
  return page.waitForFrame((frame) => frame !== page.mainFrame(), { timeout: 10000 });
}
