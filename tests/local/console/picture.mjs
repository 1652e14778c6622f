// A picture of the page as SVG: boxes and words where Chromium has them. Env: as browser.mjs; OUT: the file. `scripts/picture`.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

const puppeteer = createRequire(join(process.env.MODULES, "x.js"))("puppeteer-core");
const profile = await mkdtemp(join(tmpdir(), "roost-browser-"));
const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM, userDataDir: profile, args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const WIDTH = 1180, HEIGHT = 760;

/** In the page: every visible box and every line of text, back to front. */
function draw(width, height) {
  const colour = (c) => (/rgba\(\d+, \d+, \d+, 0\)/.test(c) ? null : c);
  const escape = (t) => t.replace(/[&<>]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[c]);
  const n = (x) => Math.round(x * 10) / 10;
  const out = [];
  const inside = (r) => r.width > 0 && r.height > 0 && r.bottom > 0 && r.top < height && r.left < width;
  const clip = (el) => {
    for (let up = el; up; up = up.parentElement) {
      if (up !== document.documentElement && up !== document.body && getComputedStyle(up).overflowY !== "visible") return up.getBoundingClientRect();
    }
    return { top: 0, bottom: height };
  };
  const visit = (el) => {
    const style = getComputedStyle(el), box = el.getBoundingClientRect();
    if (style.visibility === "hidden" || style.display === "none") return;
    const held = el.parentElement ? clip(el.parentElement) : { top: 0, bottom: height };
    if (inside(box) && box.top < held.bottom && el !== document.documentElement) {
      const fill = colour(style.backgroundColor), line = parseFloat(style.borderTopWidth) && parseFloat(style.borderLeftWidth) ? colour(style.borderTopColor) : null;
      const bottom = Math.min(box.bottom, held.bottom);
      if (fill || line) out.push(`<rect x="${n(box.left)}" y="${n(box.top)}" width="${n(box.width)}" height="${n(bottom - box.top)}" rx="${Math.min(parseFloat(style.borderRadius) || 0, box.height / 2)}" fill="${fill ?? "none"}"${line ? ` stroke="${line}"` : ""}/>`);
      else if (parseFloat(style.borderTopWidth)) out.push(`<path d="M${n(box.left)} ${n(box.top)}H${n(box.right)}" stroke="${style.borderTopColor}"/>`);
    }
    const said = el.value !== undefined && /INPUT|SELECT|TEXTAREA/.test(el.tagName) ? (el.tagName === "SELECT" ? el.selectedOptions[0]?.textContent : el.value || el.placeholder) : null;
    if (said && inside(box)) out.push(text(said, box.left + 10, box.top + box.height / 2 + 5, style));
    for (const child of el.childNodes) {
      if (child.nodeType === 1) visit(child);
      else if (child.nodeType === 3 && child.textContent.trim() && !/SELECT|OPTION|TEXTAREA|SCRIPT|NOSCRIPT/.test(el.tagName)) lines(child, style, el);
    }
  };
  const text = (said, x, y, style) => `<text x="${n(x)}" y="${n(y)}" fill="${style.color}" font-size="${n(parseFloat(style.fontSize))}"${Number(style.fontWeight) >= 550 ? ' font-weight="600"' : ""}${/mono/i.test(style.fontFamily) ? ' class="m"' : ""}>${escape(said)}</text>`;
  const lines = (node, style, el) => {
    const range = document.createRange(), whole = node.textContent, held = clip(el);
    let line = "", at = null;
    const flush = () => { if (line.trim() && at && inside(at) && at.bottom <= held.bottom + 2 && at.top >= held.top - 2) out.push(text(line.trim(), at.left, at.top + at.height * 0.77, style)); line = ""; };
    for (let i = 0; i < whole.length; i++) {
      range.setStart(node, i);
      range.setEnd(node, i + 1);
      const box = range.getBoundingClientRect();
      if (!box.width) continue;
      if (!at || Math.abs(box.top - at.top) > 3) { flush(); at = box; }
      line += whole[i];
    }
    flush();
  };
  visit(document.body);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif">
<title>The page of roost dev</title><style>.m{font-family:ui-monospace,'SF Mono',Menlo,Consolas,monospace}</style>
<rect width="${width}" height="${height}" fill="${getComputedStyle(document.body).backgroundColor}"/>
${out.join("\n")}
</svg>
`;
}

try {
  const page = await browser.newPage();
  await page.setViewport({ width: WIDTH, height: HEIGHT });
  await page.goto(`${process.env.ROOST_URL}/#start=${process.env.ROOST_KEY}`);
  await page.waitForSelector("#agents a", { timeout: 15000 });
  await page.evaluate((hash) => { location.hash = hash; }, process.env.AGENT);
  await page.waitForFunction((words) => words.every((w) => document.querySelector("main").textContent.includes(w)), { timeout: 15000, polling: 100 }, (process.env.SHOWS ?? "").split("|"));
  await new Promise((resolve) => setTimeout(resolve, 2500)); // what glowed is calm
  await writeFile(process.env.OUT, await page.evaluate(draw, WIDTH, HEIGHT));
  if (process.env.SHOT) await page.screenshot({ path: process.env.SHOT });
} finally {
  await browser.close();
  await rm(profile, { recursive: true, force: true, maxRetries: 5 });
}
