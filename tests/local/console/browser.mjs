// The console page in a real browser. Env: ROOST_URL and ROOST_KEY (of the link), CHROMIUM, EMULATE, MODULES (where puppeteer-core is),
// SHOTS (a folder for screenshots, optional). One JSON line a check; exit code 1 if one failed.
import { mkdtemp, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const puppeteer = createRequire(join(process.env.MODULES, "x.js"))("puppeteer-core");
const url = process.env.ROOST_URL;
const profile = await mkdtemp(join(tmpdir(), "roost-browser-"));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM,
  userDataDir: profile,
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});
const errors = [];
let failed = 0, n = 0;

async function tab(path, width = 1280) {
  const page = await browser.newPage();
  await page.setViewport({ width, height: 900 });
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (m) => m.text().includes("Content Security Policy") && errors.push(m.text()));
  page.on("request", (r) => new URL(r.url()).host === new URL(url).host || r.url().startsWith("data:") || errors.push(`asked ${r.url()}`));
  await page.goto(url + path);
  return page;
}
// Polls by timer: a tab in the background draws no frames.
const until = (page, test, ...args) => page.waitForFunction(test, { polling: 50, timeout: 15000 }, ...args);
const shows = (page, selector, text) =>
  until(page, (s, t) => [...document.querySelectorAll(s)].some((el) => !el.hidden && el.textContent.includes(t)), selector, text);
async function fill(page, action, values) {
  for (const [name, value] of Object.entries(values)) {
    const selector = `#action-${action} [name=${name}]`;
    await page.waitForSelector(selector, { timeout: 15000 });
    await page.$eval(selector, (el) => { el.value = ""; });
    await page.type(selector, value);
  }
}
async function press(page, action, values = {}) {
  await fill(page, action, values);
  await page.waitForSelector(`#action-${action} .primary:not(:disabled)`, { timeout: 15000 });
  await page.$eval(`#action-${action} .primary`, (el) => el.click());
}
async function check(name, page, body) {
  let detail = "";
  try {
    await body();
    if (errors.length) throw new Error(errors.splice(0).join("; "));
  } catch (error) {
    failed += 1;
    detail = error.message;
  }
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, `${++n}-${name.replaceAll(" ", "-")}.png`) });
  console.log(JSON.stringify({ check: name, ok: !detail, detail }));
}


/** In the page: words whose colour has less than 4.5 to 1 (WCAG 2.2, 1.4.3) to what is behind them; controls without a name. */
function contrasts() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const rgba = (css) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = css; canvas.fillRect(0, 0, 1, 1); return [...canvas.getImageData(0, 0, 1, 1).data]; };
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (el) => { for (let up = el; up; up = up.parentElement) { const c = rgba(getComputedStyle(up).backgroundColor); if (c[3] === 255) return c; } return rgba("white"); };
  const out = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; (node = walk.nextNode());) {
    const el = node.parentElement;
    if (!node.textContent.trim() || !el.checkVisibility() || el.closest("button:disabled, script, noscript, meter")) continue;
    const [a, b] = [light(rgba(getComputedStyle(el).color)), light(behind(el))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) out.push(`${el.className || el.tagName} "${node.textContent.trim().slice(0, 20)}" ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
  }
  for (const el of document.querySelectorAll("button, input, select, textarea, summary, a")) {
    const name = el.ariaLabel || el.textContent.trim() || el.closest("label")?.textContent.trim();
    if (el.checkVisibility() && !name) out.push(`${el.tagName} ${el.id || el.className} has no name`);
  }
  return out;
}

try {
  const page = await tab(`/#start=${process.env.ROOST_KEY}`);
  await check("the first page shows every kind", page, async () => {
    for (const kind of ["counter", "audit", "chat", "board"]) await shows(page, ".card", kind);
  });
  await check("the home page says what comes next", page, async () => {
    await shows(page, ".steps-next", "Call one");
    await page.click(".welcome summary");
    await until(page, () => document.querySelector(".log li"));
  });
  await check("looking makes no agent and joins no room", page, async () => {
    await page.select("#open-kind", "counter");
    await page.type("#open-key", "demo 1/2");
    await page.click("#open button");
    await shows(page, "h1", "demo 1/2");
    await shows(page, ".badges", "only looking");
    await shows(page, ".badges", "not made yet");
    await shows(page, "#agents", "None yet");
  });
  await check("joining makes an agent with live state", page, async () => {
    await page.click("#join");
    await shows(page, ".badges", "socket open");
    await shows(page, "#state", "count: 0");
  });
  const other = await tab("/#/counter/demo%201%2F2");
  await check("a call in one tab shows in another", page, async () => {
    await shows(other, ".badges", "only looking");
    await shows(page, "#figures", "sockets1");
    await press(page, "increment", { by: "5" });
    await shows(page, "#action-increment .out", "done");
    await Promise.all([shows(page, "#state", "count: 5"), shows(other, "#state", "count: 5")]);
    await other.close();
    await page.bringToFront();
    await shows(page, "#agents .here", "demo 1/2");
  });
  await check("ticks are a time line", page, async () => {
    await shows(page, "#ticks", "increment");
    await shows(page, "#ticks", "connect");
    await until(page, () => document.querySelector("#ticks meter").value > 0);
  });
  await check("a call is copied as curl and Python and JavaScript", page, async () => {
    await page.click("#action-increment .copy summary");
    for (const [n, text] of [[1, "curl -X POST 'http://127.0.0.1:"], [2, "client.handle(\"counter\", \"demo 1/2\").call(\"increment\", by=5)"], [3, 'agent.call("increment", [5])']]) {
      await page.click(`#action-increment .copy button:nth-of-type(${n})`);
      await shows(page, "#action-increment .copy pre", text);
    }
  });
  await check("a schedule counts down", page, async () => {
    await press(page, "remind", { seconds: "600", text: "tea" });
    await shows(page, "#schedules", "reminder");
    await shows(page, "#schedules .left", "9 m 5");
    await shows(page, "#schedules", "Europe/Paris");
    await shows(page, ".badges", "wakes in");
  });
  await check("hibernated it keeps its socket and its timers", page, async () => {
    await page.click("#hibernate");
    await shows(page, ".badges", "asleep");
    await shows(page, ".badges", "socket open");
    await shows(page, "#schedules", "reminder");
    await press(page, "increment", { by: "1" });
    await shows(page, "#state", "count: 6");
    await shows(page, ".badges", "awake");
  });
  await check("a crash brings state and timers and sockets back", page, async () => {
    await page.click("#crash");
    await shows(page, "#recovery", "socket back after");
    await shows(page, "#recovery", "state is what it was");
    await shows(page, "#recovery", "2 of 2 timers still set");
    await shows(page, "#state", "count: 6");
    await shows(page, "#server", "serving");
  });
  await check("events and broadcasts arrive live", page, async () => {
    await press(page, "remind", { seconds: "0.2", text: "coffee" });
    await shows(page, "#log", "rang");
    await shows(page, "#frames", "coffee");
  });
  await check("a stream shows its chunks", page, async () => {
    await page.goto(`${url}/#/chat/ada`);
    await press(page, "say", { text: "hello there" });
    await shows(page, "#action-say .out", "You said 'hello there'");
    await shows(page, "#state", "line 1 of our talk");
  });
  await check("a refusal is a problem", page, async () => {
    await press(page, "say", { text: " " });
    await shows(page, "#action-say .problem", "say something");
    await shows(page, "#action-say .problem", "nothing-said");
  });
  await check("a wrong argument is named", page, async () => {
    await page.goto(`${url}/#/counter/c`);
    await press(page, "increment", { by: "1.5" });
    await until(page, () => document.querySelector("#action-increment .problem") || document.querySelector("#action-increment input:invalid"));
  });
  await check("clients write the state of a board", page, async () => {
    await page.goto(`${url}/#/board/b`);
    await shows(page, ".badges", "only looking");
    await page.click("#join");
    await shows(page, "#state", "untitled");
    await page.click("#state .edit summary");
    await until(page, () => document.querySelector("[name=new-state]").value.includes("untitled"));
    await page.$eval("[name=new-state]", (el) => { el.value = '{"title": "mine", "cells": {"a": "1"}}'; });
    await page.click("#state .edit button");
    await shows(page, "#state", "mine");
    await page.reload();
    await shows(page, "#state", "mine");
    await shows(page, "#log", "joined");
  });
  await check("the list is of one kind, or of what will wake", page, async () => {
    await page.select("#only", "board");
    await until(page, () => [...document.querySelectorAll("#agents .kind")].every((k) => k.textContent === "board"));
    await page.select("#only", "");
    await page.click("#waking");
    await until(page, () => document.querySelector("#agents .key") && [...document.querySelectorAll("#agents li")].every((k) => k.querySelector(".wake")));
    await page.click("#waking");
  });
  await check("the keyboard reaches the list", page, async () => {
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press("/");
    await until(page, () => document.activeElement.id === "prefix");
  });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: "dark" }]);
  await check("it is dark where that is wanted", page, async () => {
    const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    if (dark !== "rgb(23, 21, 18)") throw new Error(dark);
  });
  await check("words stand out from what is behind them, in the dark and in the light", page, async () => {
    for (const scheme of ["dark", "light"]) {
      await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }, { name: "prefers-reduced-motion", value: "reduce" }]); // nothing glows
      for (const hash of ["#/", "#/counter/demo%201%2F2", "#/board/b"]) {
        await page.evaluate((to) => { location.hash = to; }, hash);
        await until(page, () => document.querySelector("main article"));
        const faint = await page.evaluate(contrasts);
        if (faint.length) throw new Error(`${scheme} ${hash}: ${faint.slice(0, 5).join("; ")}`);
      }
    }
  });
  await check("it fits a telephone", page, async () => {
    await page.setViewport({ width: 390, height: 800 });
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    if (wide > 390) throw new Error(`${wide} px wide`);
  });
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}
process.exit(failed ? 1 : 0);
