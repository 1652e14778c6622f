// One tab of a real browser for a file of checks. Env: CHROMIUM, MODULES, SHOTS, as of browser.mjs.
import { mkdtemp, rm } from "node:fs/promises";
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
export const page = await browser.newPage();
await page.setViewport({ width: 1280, height: 900 });
page.on("pageerror", (error) => errors.push(error.message));
page.on("console", (m) => m.text().includes("Content Security Policy") && errors.push(m.text()));
export const shows = (selector, text) =>
  page.waitForFunction((s, t) => [...document.querySelectorAll(s)].some((el) => !el.hidden && el.textContent.includes(t)),
    { polling: 50, timeout: 15000 }, selector, text);
export const click = (selector) => page.waitForSelector(selector, { timeout: 15000 }).then(() => page.$eval(selector, (el) => el.click()));
export async function type(selector, text) {
  await page.waitForSelector(selector, { timeout: 15000 });
  await page.$eval(selector, (el) => { el.value = ""; });
  await page.type(selector, text);
}
export async function check(name, body) {
  let detail = "";
  try {
    await body();
    if (errors.length) throw new Error(errors.splice(0).join("; "));
  } catch (error) {
    failed += 1;
    detail = error.message;
  }
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${name.replaceAll(" ", "-")}.png`) });
  console.log(JSON.stringify({ check: name, ok: !detail, detail }));
}
/** Runs the checks, and ends the process: code 1 if one failed. */
export async function all(checks) {
  try {
    await checks();
  } finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
  process.exit(failed ? 1 : 0);
}
