// The page of `roost new chat` in a real browser. Env: ROOST_URL, GO (a file that the model waits for), CHROMIUM, MODULES.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const puppeteer = createRequire(join(process.env.MODULES, "x.js"))("puppeteer-core");
const profile = await mkdtemp(join(tmpdir(), "roost-browser-"));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  userDataDir: profile,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync"],
});
const errors = [];
let failed = 0;
const page = await browser.newPage();
page.on("pageerror", (error) => errors.push(error.message));
page.on("console", (m) => m.text().includes("Content Security Policy") && errors.push(m.text()));
const shows = (selector, text, where = page) =>
  where.waitForFunction((s, t) => [...document.querySelectorAll(s)].some((el) => el.textContent === t),
    { polling: 50, timeout: 15000 }, selector, text);
const texts = (selector) => page.$$eval(selector, (all) => all.map((el) => el.textContent));
async function say(text) {
  await page.type("#text", text);
  await page.click("#form button");
}
async function check(name, body) {
  let detail = "";
  try {
    await body();
    if (errors.length) throw new Error(errors.splice(0).join("; "));
  } catch (error) {
    failed += 1;
    detail = `${error.message}; the page shows ${JSON.stringify(await texts("#talk > *"))}`;
  }
  console.log(JSON.stringify({ check: name, ok: !detail, detail }));
}

try {
  await page.goto(process.env.ROOST_URL);
  await check("an answer comes word by word", async () => {
    await say("slow please");
    await shows(".user", "slow please");
    await shows(".assistant", "one two thr");
  });
  await check("a page that is reloaded in the middle of a word shows it, and goes on", async () => {
    await page.reload();
    await shows(".assistant", "one two thr");
    await writeFile(process.env.GO, "");
    await shows(".assistant", "one two three four");
    await page.waitForFunction(() => document.querySelector("#stop").hidden, { polling: 50, timeout: 15000 });
    const said = await texts(".assistant");
    if (said.join() !== "one two three four") throw new Error(`it is shown as ${said}`);
  });
  await check("a tool asks, and goes on when it may", async () => {
    await say("refund number=8 amount=500");
    await page.waitForSelector(".ask button", { timeout: 15000 });
    await page.reload();
    await page.waitForSelector(".ask button", { timeout: 15000 });
    await page.click(".ask button");
    await shows(".tool", '= "500 paid back for order 8"');
    await page.waitForFunction(() => document.querySelector("#stop").hidden, { polling: 50, timeout: 15000 });
    const asks = await texts(".ask");
    if (asks.length) throw new Error("it asks still");
  });
  await check("another tab finds the same conversation", async () => {
    const other = await browser.newPage();
    await other.goto(page.url());
    await shows(".tool", '= "500 paid back for order 8"', other);
  });
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true });
}
process.exit(failed ? 1 : 0);
