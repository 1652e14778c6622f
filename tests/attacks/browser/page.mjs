// What hostile pages do. Each function runs inside a page and returns what it learned: {attempt: text}.

/** Everything a page can send to `target` (a URL without path) about `agent`; `other` does not exist. */
export async function assault(target, socket, agent, other) {
  const got = {};
  const note = (name, what) => { got[name] = String(what).slice(0, 4000); };
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const v1 = `${target}/v1/agents`, called = `${v1}/${agent}/call/add`, told = `${v1}/${agent}/tell/add`;
  const http = `${target}/agents/${agent}`;
  const within = (promise, ms = 4000) => Promise.race([promise, wait(ms).then(() => "nothing")]);
  async function ask(name, url, init = {}) {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 3000);
    try {
      const answer = await fetch(url, { ...init, signal: stop.signal });
      note(name, `${answer.type} ${answer.status} ${await within(answer.text(), 1000)}`);
    } catch (error) {
      note(name, error);
    }
  }
  const json = { "content-type": "application/json" }, plain = { "content-type": "text/plain" };
  const jobs = [
    ask("list", v1), ask("status", `${v1}/${agent}`), ask("state", `${v1}/${agent}/state`),
    ask("events", `${v1}/${agent}/events?follow=false`), ask("openapi", `${target}/openapi.json`),
    ask("capabilities", `${target}/v1/capabilities`), ask("request", `${http}/x`), ask("root", `${target}/`),
    ask("with credentials", `${v1}/${agent}/state`, { credentials: "include" }),
    ask("opaque read", `${v1}/${agent}/state`, { mode: "no-cors" }),
    ask("call", called, { method: "POST", headers: json, body: "{}" }),
    ask("simple call", called, { method: "POST", mode: "no-cors", headers: plain, body: '{"args":[1]}' }),
    ask("empty call", called, { method: "POST", mode: "no-cors" }),
    ask("form call", called, { method: "POST", mode: "no-cors", body: new URLSearchParams("by=1") }),
    ask("simple tell", told, { method: "POST", mode: "no-cors", headers: plain, body: '{"args":[1]}' }),
    ask("simple request", http, { method: "POST", mode: "no-cors", headers: plain, body: "x" }),
    ask("put request", http, { method: "PUT", body: "x" }), ask("destroy", `${v1}/${agent}`, { method: "DELETE" }),
    ask("export", `${v1}/${agent}/export`), ask("kept alive", called, { method: "POST", body: "{}", keepalive: true, mode: "no-cors" }),
  ];
  for (const [name, url] of [["call", called], ["tell", told], ["request", http]]) {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/json"]) {
      note(`beacon ${name} ${type}`, navigator.sendBeacon(url, new Blob(['{"args":[1]}'], { type })));
    }
    for (const enctype of ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]) {
      const frame = document.createElement("iframe");
      frame.name = `form-${name}-${enctype}`;
      const form = Object.assign(document.createElement("form"), { method: "POST", action: url, enctype, target: frame.name });
      form.append(Object.assign(document.createElement("input"), { name: '{"args":[1],"kwargs":{}, "x":"', value: '"}' }));
      document.body.append(frame, form);
      form.submit();
    }
    document.body.append(Object.assign(document.createElement("img"), { src: name === "request" ? `${called}?x` : url }));
  }
  // Reading what is of another origin: by what it loads as.
  const loads = (tag, attribute, url, more = {}, ms = 4000) => within(new Promise((resolve) => {
    const element = Object.assign(document.createElement(tag), more);
    element.onload = () => resolve("load");
    element.onerror = () => resolve("error");
    element[attribute] = url;
    document.body.append(element);
  }), ms);
  for (const path of ["", "/state"]) {
    for (const [tag, attribute, more] of [["script", "src"], ["img", "src"], ["link", "href", { rel: "stylesheet" }], ["object", "data"], ["embed", "src"]]) {
      jobs.push((async () => {
        let there, none, telling;
        for (const ms of [4000, 30000]) { // on a busy machine no event in time says nothing
          there = await loads(tag, attribute, `${v1}/${agent}${path}`, more, ms);
          none = await loads(tag, attribute, `${v1}/${other}${path}`, more, ms);
          telling = (there === "load") !== (none === "load");
          if (!telling || (there !== "nothing" && none !== "nothing")) break;
        }
        note(`oracle ${tag} ${path}`, telling ? `${there} or ${none}` : "same");
      })());
    }
  }
  // Sockets and streams.
  jobs.push(within(new Promise((resolve) => {
    const frames = [];
    const line = new WebSocket(socket);
    line.onopen = () => {
      line.send(JSON.stringify({ type: "rpc", id: "1", method: "add", args: [1] }));
      line.send(JSON.stringify({ type: "cf_agent_state", state: { count: 99 } }));
    };
    line.onmessage = ({ data }) => frames.push(data);
    line.onclose = ({ code }) => resolve(`${frames.join(" ")} closed ${code}`);
    // Whoever refuses closes at once; on a busy machine that arrives late.
    setTimeout(() => { line.close(); resolve(`${frames.join(" ")} still open`); }, 30000);
  }), 31000).then((said) => note("socket", said)));
  jobs.push(within(new Promise((resolve) => {
    const source = new EventSource(`${v1}/${agent}/events`);
    source.onmessage = ({ data }) => resolve(data);
    source.addEventListener("filler", ({ data }) => resolve(data));
    source.onerror = () => { source.close(); resolve("error"); };
  })).then((said) => note("stream", said)));
  // Windows and frames.
  jobs.push((async () => {
    const frame = Object.assign(document.createElement("iframe"), { src: `${v1}/${agent}/state` });
    document.body.append(frame);
    const opened = open(`${v1}/${agent}/state`);
    await wait(1500);
    for (const [name, view] of [["frame", frame.contentWindow], ["window", opened]]) {
      try {
        note(name, view.document.body.innerText);
      } catch (error) {
        note(name, error);
      }
    }
    opened?.close();
  })());
  await Promise.all(jobs);
  await wait(500); // forms and beacons
  return got;
}

/** A page of the app at the console of `roost dev`, which the author has open in another tab. */
export async function steal(site) {
  const got = {};
  const note = (name, what) => { got[name] = String(what).slice(0, 4000); };
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const heard = [];
  addEventListener("message", ({ data }) => heard.push(JSON.stringify(data)));
  async function ask(name, url, init) {
    try {
      const answer = await fetch(url, init);
      note(name, `${answer.type} ${answer.status} ${await answer.text()}`);
    } catch (error) {
      note(name, error);
    }
  }
  const tabs = new BroadcastChannel("roost-session");
  tabs.onmessage = ({ data }) => heard.push(JSON.stringify(data));
  tabs.postMessage({ wanted: true });
  for (const credentials of ["omit", "include"]) {
    await ask(`app ${credentials}`, `${site}/_roost/app`, { credentials });
    await ask(`session ${credentials}`, `${site}/_roost/session`, { method: "POST", body: "x", credentials });
    await ask(`list ${credentials}`, `${site}/v1/agents`, { credentials });
    await ask(`own ${credentials}`, "/_roost/app", { credentials });
    await ask(`own session ${credentials}`, "/_roost/session", { method: "POST", body: "x", credentials });
  }
  await ask("opaque session", `${site}/_roost/session`, { method: "POST", body: "x", mode: "no-cors" });
  await ask("crash", `${site}/_roost/crash`, { method: "POST", mode: "no-cors" });
  const frame = Object.assign(document.createElement("iframe"), { src: `${site}/` });
  document.body.append(frame);
  const opened = open(`${site}/`);
  await wait(1500);
  for (const [name, view] of [["frame", frame.contentWindow], ["window", opened]]) {
    for (const [what, read] of Object.entries({
      document: () => view.document.body.innerHTML, kept: () => view.sessionStorage.getItem("roost-token"),
      place: () => view.location.href, frames: () => view.frames[0]?.location.href,
    })) {
      try {
        note(`${name} ${what}`, read());
      } catch (error) {
        note(`${name} ${what}`, error);
      }
    }
    view?.postMessage({ wanted: true }, "*");
    view?.postMessage({ token: "planted" }, "*");
  }
  const named = open("", "console");
  try {
    note("named window", named?.location.href);
  } catch (error) {
    note("named window", error);
  }
  try {
    await navigator.serviceWorker.register(`${site}/_roost/static/app.js`);
    note("worker there", "registered");
  } catch (error) {
    note("worker there", error);
  }
  try {
    const made = await navigator.serviceWorker.register("/worker.js", { scope: "/" });
    note("worker here", made.scope);
  } catch (error) {
    note("worker here", error);
  }
  for (const [name, tag] of [["script", "script"], ["image", "img"]]) {
    const element = document.createElement(tag);
    element.onload = () => note(`${name} of the page`, "load");
    element.src = `${site}/_roost/app`;
    document.body.append(element);
  }
  await wait(500);
  note("stores", JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }, document.referrer, opened?.length]));
  note("heard", heard.join(" "));
  opened?.close();
  return got;
}
