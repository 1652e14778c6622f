// A chat, an author's error, KV, dead letters, another caller: in a real browser. Env and output as browser.mjs; SHOTS too.
import { all, check, click, page, shows, type } from "./tab.mjs";

await all(async () => {
  await page.goto(`${process.env.ROOST_URL}/#start=${process.env.ROOST_KEY}`);
  await shows(".card", "chat");
  const open = (hash) => page.evaluate((to) => { location.hash = to; }, hash);
  await open("#/chat/ann");
  await check("a conversation with tools that ask", async () => {
    await shows("#chat", "Nothing was said yet");
    await type("#chat .send input", "refund number=8 amount=500");
    await click("#chat .send .primary");
    await shows("#chat .user", "refund number=8");
    await shows("#chat .question", "Allow refund");
    await click("#chat .question .primary");
    await shows("#chat .tool", "500 paid back");
    await shows("#chat .assistant", "500 paid back");
    await shows("#ticks", "pay");
  });
  await open("#/desk/a");
  await check("an error shows the author's line", async () => {
    await click("#action-fail .primary");
    await shows("#action-fail .problem .frame", "raise ValueError(\"broken here\")");
    await shows("#ticks .warn", "ValueError: broken here");
  });
  await check("values of KV are read without waking anybody", async () => {
    await type("#action-keep [name=key]", "colour");
    await click("#action-keep .primary");
    await shows("#action-keep .out", "done");
    await shows("#ticks", "1 kv");
    await click("#kv summary");
    await shows("#kv dt", "colour");
    await shows("#kv dd", "kept");
  });
  await check("a dead letter is dropped when it is said twice", async () => {
    await page.$$eval("#action-fail button", (all) => all.find((b) => b.textContent === "Tell").click());
    await shows("#dead li", "fail");
    await click("#dead .danger");
    await shows("#dead .danger", "Drop for good?");
    await click("#dead .danger");
    await page.waitForFunction(() => document.querySelector("#dead").hidden, { polling: 50, timeout: 15000 });
  });
  await check("a call is made as another caller", async () => {
    await click("#action-who .primary");
    await shows("#action-who .out", "operator admin");
    await type("#as", "a-token-of-ann");
    await page.keyboard.press("Tab");
    await click("#action-who .primary");
    await shows("#action-who .out", "client ann");
  });
});
