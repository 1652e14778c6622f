// The jobs of an agent: what can be started, how each stands, the steps it has done, what it asks.

import { clock, h, json, problem, prose, span, ticking } from "./dom.js";
import { argumentsForm, valueForm } from "./form.js";
import { get, pathOf, post, segment } from "./http.js";

const SHOWN = 20;

/** {element, refresh}: a panel's content. `refresh` is called whenever something may have happened. */
export function jobsOf(kind, key, changed) {
  const path = pathOf(kind.kind, key), rows = new Map(), asked = new Map();
  const questions = h("ul", { class: "questions" }), list = h("ul", { class: "jobs" });
  const none = h("p", { class: "none" }, "No job was started yet.");
  const starts = h("details", { class: "edit" }, h("summary", {}, "Start a job"), kind.jobs.map((job) => startCard(path, job, changed)));

  async function refresh() {
    let found;
    try {
      const [jobs, open] = await Promise.all([get(`${path}/jobs?limit=${SHOWN}`), get(`${path}/questions`)]);
      found = { jobs: jobs.jobs, open: open.questions };
    } catch (error) {
      if (!error.doc || error.doc.status !== 404) return; // the server is away: what is shown stays
      found = { jobs: [], open: [] };
    }
    none.hidden = found.jobs.length > 0;
    keep(asked, questions, found.open, () => false, (question) => questionCard(path, question, changed));
    keep(rows, list, found.jobs, (row, job) => row.update(job), (job) => jobRow(path, job, changed));
  }
  return { element: h("div", {}, questions, none, list, starts), refresh };
}

/** Have a list show these, in this order; what is there already stays as it is, for somebody may be typing. */
function keep(known, list, found, update, make) {
  for (const [id, one] of known) if (!found.some((x) => x.id === id)) { one.element.remove(); known.delete(id); }
  for (const [place, x] of found.entries()) {
    let one = known.get(x.id);
    if (one) update(one, x);
    else known.set(x.id, one = make(x));
    if (list.children[place] !== one.element) list.insertBefore(one.element, list.children[place] ?? null);
  }
}

function jobRow(path, first, changed) {
  let job = first, shown = "";
  const pill = h("span", { class: "pill" }), out = h("div", { class: "out" }), steps = h("ul", { class: "feed steps" });
  const due = ticking({ class: "dim" }, () => {
    const left = (job.due ?? 0) - Date.now() / 1000;
    return job.status === "waiting" && job.due ? `looks again in ${span(left)}` : "";
  });
  const verb = (name, title) => h("button", { type: "button", title, onclick: () => tell(name) }, name[0].toUpperCase() + name.slice(1));
  const cancel = verb("cancel", "its body hears of it, and tidies up"), hold = verb("hold", "what runs ends, and nothing begins");
  const resume = verb("resume", "it goes on");
  const restart = verb("restart", "its journal is dropped, and it begins anew with its arguments");
  const box = h("details", { ontoggle: () => box.open && timeline() }, h("summary", {}, "Steps"), steps);

  async function tell(name) {
    try {
      await post(`${path}/jobs/${segment(job.id)}/${name}`);
      out.replaceChildren();
    } catch (error) {
      out.replaceChildren(problem(error));
    }
    changed();
  }

  /** The journal's facts; a job that ended has none any more. */
  async function timeline() {
    try {
      const found = await get(`${path}/jobs/${segment(job.id)}?steps=true`);
      steps.replaceChildren(...found.steps.filter((s) => s.kind !== "claim").map((s) =>
        h("li", {}, h("small", {}, clock(s.at)), h("span", {}, h("b", { class: "kind" }, s.kind), ` ${s.name}`))));
    } catch (error) {
      steps.replaceChildren(h("li", {}, problem(error)));
    }
  }

  function update(now) {
    job = now;
    const key = JSON.stringify([job.status, job.trouble, job.run, job.due, job.ended]);
    if (shown === key) return;
    shown = key;
    const ended = job.status === "ended", failed = ended && job.error !== undefined;
    pill.textContent = failed ? job.error.code : job.trouble ?? job.status;
    pill.className = `pill ${failed ? "bad" : ended || job.status === "running" ? "good" : "calm"}`;
    cancel.hidden = ended;
    hold.hidden = ended || job.status === "held";
    resume.hidden = job.status !== "held";
    restart.hidden = ended || job.status === "running" || job.status === "ending";
    box.hidden = ended;
    if (ended) out.replaceChildren(failed ? problem({ doc: job.error }) : h("pre", { class: "json" }, json(job.value ?? null)));
    else if (box.open) timeline();
  }

  const element = h("li", {},
    h("div", { class: "row" }, h("b", {}, job.name), h("small", {}, job.id, job.key === null ? "" : ` · ${job.key}`), pill, due),
    h("div", { class: "row" }, cancel, hold, resume, restart), box, out);
  update(first);
  return { element, update };
}

function questionCard(path, question, changed) {
  const form = valueForm(question.schema), out = h("div", { class: "out", ariaLive: "polite" });
  const element = h("form", {
    class: "action question", autocomplete: "off",
    onsubmit: async (event) => {
      event.preventDefault();
      try {
        await post(`${path}/questions/${segment(question.id)}`, { value: form.read() });
      } catch (error) {
        out.replaceChildren(problem(error));
      }
      changed();
    },
  },
  h("h3", {}, question.text),
  h("p", { class: "dim" }, `job ${question.job}`, question.who ? `, for ${question.who}` : "", ", ",
    ticking({}, () => `${span(question.expires - Date.now() / 1000)} left`)),
  h("div", { class: "fields" }, form.elements), h("div", { class: "row" }, h("button", { class: "primary" }, "Answer")), out);
  return { element };
}

function startCard(path, job, changed) {
  const form = argumentsForm(job), out = h("div", { class: "out", ariaLive: "polite" });
  return h("form", {
    class: "action", autocomplete: "off", id: `job-${job.name}`,
    onsubmit: async (event) => {
      event.preventDefault();
      try {
        const { id } = await post(`${path}/start/${segment(job.name)}`, form.read());
        out.replaceChildren(h("p", { class: "facts ok" }, "started", h("code", {}, id)));
      } catch (error) {
        out.replaceChildren(problem(error.doc ? error : { doc: { title: "Not sent", detail: error.message } }));
      }
      changed();
    },
  },
  h("h3", {}, job.name), job.doc ? h("p", { class: "doc" }, prose(job.doc)) : null,
  form.elements.length ? h("div", { class: "fields" }, form.elements) : null,
  h("div", { class: "row" }, h("button", { class: "primary" }, "Start")), out);
}
