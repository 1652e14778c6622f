// The panel of jobs in a real browser: started, asked, answered, cancelled. Env as of browser.mjs. One JSON line a check.
import { all, check, click, page, shows, type } from "./tab.mjs";

await all(async () => {
  await page.goto(`${process.env.ROOST_URL}/#start=${process.env.ROOST_KEY}`);
  await shows(".card", "asker");
  await page.goto(`${process.env.ROOST_URL}/#/asker/a`);
  await check("a job is started from its form, and asks", async () => {
    await shows("#jobs", "No job was started yet");
    await click("#jobs summary");
    await type("#job-work [name=topic]", "bees");
    await click("#job-work .primary");
    await shows("#job-work .out", "started");
    await shows(".question", "Spend 5 on bees?");
    await shows(".jobs .pill", "waiting");
  });
  await check("an answer that does not fit is refused, and what was typed stays", async () => {
    await type(".question [name=limit]", "101");
    await click(".question .primary");
    await shows(".question .problem", "limit must be at most 100");
    if (await page.$eval(".question [name=limit]", (el) => el.value) !== "101") throw new Error("the form was made anew");
  });
  await check("its steps are shown, and the answer ends it", async () => {
    await click(".jobs summary");
    await shows(".steps", "prepare");
    await type(".question [name=limit]", "7");
    await click(".question [name=approved]");
    await click(".question .primary");
    await shows(".jobs .pill", "ended");
    await shows(".jobs .json", "bees true 7 admin");
    await page.waitForFunction(() => !document.querySelector(".question"), { polling: 50, timeout: 15000 });
  });
  await check("a job is held, resumed and cancelled", async () => {
    await click("#job-work .primary");
    await shows(".jobs .pill", "waiting");
    const press = (title) => page.$$eval(".jobs button", (all, t) => all.find((el) => !el.hidden && el.textContent === t).click(), title);
    await press("Hold");
    await shows(".jobs .pill", "held");
    await press("Resume");
    await shows(".jobs .pill", "waiting");
    await press("Cancel");
    await shows(".jobs .pill", "cancelled");
  });
});
